import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningSeat, SeatKey, SeatLimits } from '../../../../../src/agent/vmm/driver.ts';
import type { MachineDriver } from '../../../../../src/agent/vmm/machine/driver.ts';
import {
  ConflictError,
  DiskFullError,
  InvalidInputError,
  NoCapacityError,
  UnavailableError,
} from '../../../../../src/protocol/errors.ts';
import { FakeWorker, SMALL, type When } from './fake-worker.ts';

const KEY: SeatKey = { workshopId: 'ws-a', seatId: 1 };
const NAME = 'seat-ws-a-1';
const NOTHING = { machines: [], slots: [], groups: [], sockets: [], files: [] };

describe('seats that are machines', function () {
  this.timeout(30_000);
  let worker: FakeWorker;
  let driver: MachineDriver;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    worker = await FakeWorker.start();
    driver = worker.driver();
  });

  afterEach(() => worker.end());

  function create(key = KEY, limits: SeatLimits = SMALL): Promise<RunningSeat> {
    return driver.create(key, limits, signal);
  }

  function disk(key = KEY): string {
    return join(worker.stateFolder, 'seats', key.workshopId, String(key.seatId), 'disk.raw');
  }

  /** A new agent after the old one was killed. */
  async function restart(): Promise<RunningSeat[]> {
    driver = worker.driver();
    return driver.adopt(signal);
  }

  it('are copies of a snapshot that is made once, however many need it at once', async () => {
    const seats = await Promise.all([1, 2, 3].map((seatId) => create({ ...KEY, seatId })));
    assert.deepEqual(
      seats.map((seat) => [seat.ip, seat.fromSnapshot]),
      [
        ['192.168.100.11', true],
        ['192.168.100.12', true],
        ['192.168.100.13', true],
      ],
    );
    assert.equal(worker.count('boot'), 1);
    assert.equal(worker.count('snapshot'), 1);
    assert.deepEqual((worker.things()['machines'] as string[]).sort(), [NAME, 'seat-ws-a-2', 'seat-ws-a-3']);
    assert.ok(driver.isRunning(KEY));
    assert.ok(worker.slots.size === 3, "the snapshot's slot is free again");
  });

  it('get an identity of their own, which the snapshot has not', async () => {
    await create();
    await create({ ...KEY, seatId: 2 });
    const template = worker.machines.find((machine) => machine.name.includes('-template-'));
    assert.deepEqual(
      template?.heard.map((request) => request.op),
      ['sync'],
    );
    const told = worker.running().map((machine) => machine.heard.find((request) => request.op === 'identify'));
    assert.deepEqual(told.map((request) => request?.hostname).sort(), ['seat-1-a', 'seat-2-a']);
    for (const field of ['machine_id', 'entropy', 'time_ns', 'id'] as const) {
      assert.equal(new Set(told.map((request) => request?.[field])).size, 2, field);
    }
    const now = BigInt(Date.now()) * 1_000_000n;
    assert.ok(now - BigInt(told[0]?.time_ns ?? 0) < 60_000_000_000n);
  });

  it('have another slot where theirs is taken', async () => {
    const first = await create();
    const other = await create({ workshopId: 'ws-b', seatId: 1 });
    assert.notEqual(other.ip, first.ip);
  });

  it('are gone without a trace when they are deleted, also twice', async () => {
    await create();
    await driver.destroy(KEY, { keepFiles: false }, signal);
    assert.deepEqual(worker.things(), NOTHING);
    await driver.destroy(KEY, { keepFiles: false }, signal);
    assert.deepEqual(worker.things(), NOTHING);
    assert.ok(!driver.isRunning(KEY));
  });

  it('are reset in their slot, with a new disk and identity', async () => {
    const before = await create();
    writeFileSync(disk(), 'what a learner wrote', { flag: 'r+' });
    const [first] = worker.running();
    const after = await driver.reset(KEY, signal);
    assert.deepEqual([after.ip, after.fromSnapshot], [before.ip, true]);
    assert.ok(!readFileSync(disk()).includes('what a learner wrote'));
    const [second] = worker.running();
    assert.notEqual(second?.process.pid, first?.process.pid);
    assert.notDeepEqual(second?.heard[0], first?.heard[0]);
    assert.equal(worker.running().length, 1);
  });

  it('that have crashed are not running, and are reset the same way', async () => {
    await create();
    const [machine] = worker.running();
    process.kill(machine!.process.pid, 'SIGKILL');
    while (driver.isRunning(KEY)) await sleep(5);
    await driver.reset(KEY, signal);
    assert.ok(driver.isRunning(KEY));
  });

  it('get a new slot in a reset when theirs is broken', async () => {
    await create();
    worker.slots.delete(1);
    const taken = await create({ workshopId: 'ws-b', seatId: 1 });
    assert.equal(taken.ip, '192.168.100.11');
    // The slot is now the other seat's; a slot that is nobody's is told from it by being whole.
    worker.slots.delete(1);
    assert.equal((await driver.reset(KEY, signal)).ip, '192.168.100.11');
  });

  it('keep their disk while they are stopped, and boot over it as the machine that they were', async () => {
    await create();
    const identity = worker.running()[0]?.heard.find((request) => request.op === 'identify')?.machine_id;
    writeFileSync(disk(), 'mine', { flag: 'r+' });
    await driver.destroy(KEY, { keepFiles: true }, signal);
    assert.equal(worker.count('sync'), 2, 'once for the snapshot, once before the end');
    assert.deepEqual({ ...worker.things(), files: [] }, NOTHING);
    assert.ok(existsSync(disk()));
    // Nor is it lost to the next agent.
    assert.deepEqual(await restart(), []);
    const seat = await create(KEY, { ...SMALL, diskMb: 256 });
    assert.equal(seat.fromSnapshot, false);
    assert.ok(readFileSync(disk()).includes('mine'));
    assert.equal(worker.running()[0]?.heard.find((request) => request.op === 'identify')?.machine_id, identity);
  });

  it('whose kept disk could not be booted keep it', async () => {
    await create();
    await driver.destroy(KEY, { keepFiles: true }, signal);
    worker.fail('boot', new UnavailableError('The disk is damaged.'));
    await assert.rejects(create(), /The disk is damaged/);
    assert.ok(existsSync(disk()));
    assert.deepEqual({ ...worker.things(), files: [] }, NOTHING);
    await driver.destroy(KEY, { keepFiles: false }, signal);
    assert.deepEqual(worker.things(), NOTHING);
  });

  for (const step of ['take', 'limit', 'boot', 'restore', 'identify']) {
    it(`leave nothing when the step "${step}" fails`, async () => {
      if (step === 'restore') worker.fail('boot', new UnavailableError('No.'));
      worker.fail(step, new UnavailableError('No.'));
      await assert.rejects(create(), UnavailableError);
      assert.deepEqual(worker.things(), NOTHING);
      assert.deepEqual(worker.templates().broken, []);
    });
  }

  it('leave nothing when they are given up while they are made', async () => {
    for (const step of ['take', 'limit', 'boot', 'restore', 'identify']) {
      const stop = new AbortController();
      worker.onStep = (taken) => (taken === step ? stop.abort(new ConflictError('Deleted.')) : undefined);
      await assert.rejects(driver.create(KEY, SMALL, stop.signal), ConflictError, step);
      assert.deepEqual(worker.things(), NOTHING, step);
      assert.deepEqual(worker.templates().broken, [], step);
    }
  });

  it('boot cold when they cannot be restored, and the snapshot is made anew for the next', async () => {
    await create();
    worker.fail('restore', new UnavailableError('It does not fit.'));
    const cold = await create({ ...KEY, seatId: 2 });
    assert.equal(cold.fromSnapshot, false);
    assert.deepEqual(worker.templates(), { complete: [], broken: [] });
    worker.fail('restore', undefined);
    assert.equal((await create({ ...KEY, seatId: 3 })).fromSnapshot, true);
    assert.equal(worker.count('snapshot'), 2);
  });

  it('boot cold when no snapshot can be made, and that is not tried for ever', async () => {
    worker.fail('snapshot', new UnavailableError('Not here.'));
    for (const seatId of [1, 2, 3]) assert.equal((await create({ ...KEY, seatId })).fromSnapshot, false);
    // One boot for each seat, and one for each of the two tries.
    assert.equal(worker.count('boot'), 5);
    assert.deepEqual(worker.templates(), { complete: [], broken: [] });
  });

  it('are not restored from a snapshot that does not fit any more', async () => {
    const seats = [1, 2, 3, 4].map((seatId) => ({ ...KEY, seatId }));
    const changes = [
      () => (worker.fingerprint = 'fake 2'),
      () => worker.writeImage('two'),
      () => writeFileSync(join(templateFolder(), 'snapshot/memory'), 'mem'),
      () => rmSync(join(templateFolder(), 'disk.raw')),
    ];
    await create(seats[0]);
    for (const change of changes) {
      const boots = worker.count('boot');
      change();
      await restart();
      await driver.destroy(KEY, { keepFiles: false }, signal);
      assert.equal((await create()).fromSnapshot, true);
      assert.equal(worker.count('boot'), boots + 1, String(change));
      assert.equal(worker.templates().complete.length, 1, 'the old one is gone');
    }
  });

  function templateFolder(): string {
    return join(worker.stateFolder, 'templates', worker.templates().complete[0]!);
  }

  it('use the snapshot that an earlier agent has made', async () => {
    await create();
    await restart();
    await create({ ...KEY, seatId: 2 });
    assert.equal(worker.count('boot'), 1);
  });

  it('are shown to be possible by a probe that leaves only the snapshot', async () => {
    await driver.probe(signal);
    assert.deepEqual(worker.things(), NOTHING);
    assert.deepEqual([worker.count('boot'), worker.count('restore')], [1, 1]);
    assert.equal(worker.templates().complete.length, 1);
    await driver.probe(signal);
    assert.deepEqual([worker.count('boot'), worker.count('restore'), worker.count('prepare')], [1, 2, 1]);
  });

  it('are not possible without a whole image, and the reason is told', async () => {
    writeFileSync(join(worker.imagesFolder, 'rootfs.ext4'), 'something else');
    await assert.rejects(driver.probe(signal), /rootfs\.ext4/);
    worker.writeImage('one');
    await driver.probe(signal);
    rmSync(join(worker.imagesFolder, 'vmlinuz'));
    await assert.rejects(
      create(),
      (error: Error) => error instanceof UnavailableError && error.message.includes('vmlinuz'),
    );
    assert.deepEqual(worker.things(), NOTHING);
  });

  describe('on a worker without room', () => {
    it('are refused before anything is made, with the numbers', async () => {
      await create();
      worker.freeMemoryMb = 1_100;
      const refused = create({ ...KEY, seatId: 2 });
      await assert.rejects(
        refused,
        (error: Error) => error instanceof NoCapacityError && error.message.includes('1100 MiB'),
      );
      worker.freeMemoryMb = 100_000;
      worker.freeDiskMb = 600;
      const full = create({ ...KEY, seatId: 2 });
      await assert.rejects(full, (error: Error) => error instanceof DiskFullError && error.message.includes('600 MiB'));
      assert.deepEqual(worker.things()['machines'], [NAME]);
      assert.equal(worker.slots.size, 1);
    });

    it('are refused once the room is promised to others, though it is not taken yet', async () => {
      worker.freeMemoryMb = 960 + 3 * 180;
      const keys = [1, 2, 3, 4, 5].map((seatId) => ({ ...KEY, seatId }));
      const outcomes = await Promise.allSettled(keys.map((key) => create(key)));
      const made = keys.filter((_, index) => outcomes[index]?.status === 'fulfilled');
      const refused = outcomes
        .filter((outcome) => outcome.status === 'rejected')
        .map(({ reason }) => reason as unknown);
      const [first] = made;
      assert.ok(first !== undefined && made.length <= 3, String(made.length));
      assert.ok(refused.every((reason) => reason instanceof NoCapacityError));
      await driver.destroy(first, { keepFiles: false }, signal);
      await create({ ...KEY, seatId: 9 });
    });

    it('fail with DISK_FULL when the disk becomes full meanwhile, and leave nothing', async () => {
      worker.fail('boot', new UnavailableError('It could not be written: No space left on device.'));
      await assert.rejects(create(), DiskFullError);
      assert.deepEqual(worker.things(), NOTHING);
      worker.fail('boot', undefined);
      await create({ ...KEY, seatId: 2 });
      worker.fail('restore', Object.assign(new Error('write'), { code: 'ENOSPC' }));
      await assert.rejects(create(), DiskFullError);
      assert.equal(worker.templates().complete.length, 1, 'the snapshot is not to blame');
      assert.equal(worker.count('boot'), 1);
    });

    it('do not keep the agent unhealthy when they fill it', async () => {
      await create();
      worker.freeMemoryMb = 0;
      await driver.probe(signal);
      await driver.destroy(KEY, { keepFiles: false }, signal);
      await assert.rejects(driver.probe(signal), NoCapacityError);
    });

    it('are of no size that cannot be', async () => {
      for (const limits of [{ memoryMb: 64 }, { memoryMb: 16_000 }, { vcpus: 5 }, { diskMb: 64 }]) {
        await assert.rejects(driver.create(KEY, { ...SMALL, ...limits }, signal), InvalidInputError);
      }
      assert.deepEqual(worker.things(), NOTHING);
    });
  });

  describe('after kill -9 of the agent', () => {
    it('are the only ones that are touched: the groups of another agent stay', async () => {
      worker.groups.add('12345678-seat-ws-a-1');
      await create();
      process.kill(worker.running()[0]!.process.pid, 'SIGKILL');
      await restart();
      assert.deepEqual([...worker.groups], ['12345678-seat-ws-a-1']);
    });

    it('are taken over while they run', async () => {
      const before = [await create(), await create({ ...KEY, seatId: 2 })];
      const machines = worker.running().map((machine) => machine.process.pid);
      const adopted = await restart();
      assert.deepEqual(adopted, before);
      assert.deepEqual(
        worker.running().map((machine) => machine.process.pid),
        machines,
      );
      assert.ok(driver.isRunning(KEY));
      await driver.reset(KEY, signal);
      for (const { key } of before) await driver.destroy(key, { keepFiles: false }, signal);
      assert.deepEqual(worker.things(), NOTHING);
    });

    it('count for the room there is', async () => {
      await create();
      await restart();
      worker.freeMemoryMb = 960 + 300;
      await assert.rejects(create({ ...KEY, seatId: 2 }), NoCapacityError);
      await driver.destroy(KEY, { keepFiles: false }, signal);
      assert.equal((await create({ ...KEY, seatId: 2 })).fromSnapshot, true);
    });

    it('that do not run any more keep their files and nothing else', async () => {
      await create();
      process.kill(worker.running()[0]!.process.pid, 'SIGKILL');
      assert.deepEqual(await restart(), []);
      assert.ok(existsSync(disk()));
      assert.deepEqual({ ...worker.things(), files: [] }, NOTHING);
    });

    it('are ended where their state cannot be read, and keep their files', async () => {
      await create();
      writeFileSync(join(disk(), '../state.json'), '{"phase":');
      assert.deepEqual(await restart(), []);
      assert.deepEqual({ ...worker.things(), files: [] }, NOTHING);
      assert.equal(statSync(disk()).size, SMALL.diskMb * 1024 ** 2);
      assert.equal((await create()).fromSnapshot, false);
    });

    const CREATING: [string, When][] = [
      ['prepare', 'after'],
      ['take', 'before'],
      ['take', 'after'],
      ['limit', 'before'],
      ['limit', 'after'],
      ['boot', 'before'],
      ['boot', 'after'],
      ['sync', 'before'],
      ['snapshot', 'before'],
      ['snapshot', 'after'],
      ['kill', 'before'],
      ['kill', 'after'],
      ['unlimit', 'after'],
      ['release', 'before'],
      ['release', 'after'],
    ];
    for (const [step, when] of CREATING) {
      it(`that came ${when} the step "${step}" of the first seat, nothing is left`, async () => {
        const cut = worker.cut(step, when);
        void create();
        await cut;
        assert.deepEqual(await restart(), []);
        assert.deepEqual(worker.things(), NOTHING);
        assert.deepEqual(worker.templates().broken, []);
        assert.equal((await create()).fromSnapshot, true);
      });
    }

    const RESTORING: [string, When][] = [
      ['take', 'after'],
      ['limit', 'after'],
      ['restore', 'before'],
      ['restore', 'after'],
      ['identify', 'before'],
      ['identify', 'after'],
    ];
    for (const [step, when] of RESTORING) {
      it(`that came ${when} the step "${step}" of a restored seat, nothing is left`, async () => {
        await create({ ...KEY, seatId: 2 });
        const cut = worker.cut(step, when);
        void create();
        await cut;
        assert.deepEqual(
          (await restart()).map((seat) => seat.key.seatId),
          [2],
        );
        await driver.destroy({ ...KEY, seatId: 2 }, { keepFiles: false }, signal);
        assert.deepEqual(worker.things(), NOTHING);
      });
    }

    const RESETTING: [string, When][] = [
      ['kill', 'before'],
      ['kill', 'after'],
      ['unlimit', 'after'],
      ['limit', 'after'],
      ['restore', 'after'],
      ['identify', 'before'],
    ];
    for (const [step, when] of RESETTING) {
      it(`that came ${when} the step "${step}" of a reset, the reset is to be done again`, async () => {
        const before = await create();
        const cut = worker.cut(step, when);
        void driver.reset(KEY, signal);
        await cut;
        const adopted = await restart();
        assert.deepEqual(
          adopted.map((seat) => [seat.key, seat.interrupted]),
          [[KEY, true]],
        );
        assert.ok(!driver.isRunning(KEY));
        assert.deepEqual(worker.running(), []);
        assert.equal((await driver.reset(KEY, signal)).ip, before.ip);
        assert.equal(worker.running().length, 1);
        await driver.destroy(KEY, { keepFiles: false }, signal);
        assert.deepEqual(worker.things(), NOTHING);
      });
    }

    for (const keepFiles of [false, true]) {
      for (const [step, when] of [
        ['kill', 'before'],
        ['kill', 'after'],
        ['unlimit', 'after'],
        ['release', 'before'],
        ['release', 'after'],
      ] as [string, When][]) {
        it(`that came ${when} the step "${step}" of a deletion (files kept: ${keepFiles}), it is finished`, async () => {
          await create();
          const cut = worker.cut(step, when);
          void driver.destroy(KEY, { keepFiles }, signal);
          await cut;
          assert.deepEqual(await restart(), []);
          assert.equal(existsSync(disk()), keepFiles);
          assert.deepEqual({ ...worker.things(), files: [] }, NOTHING);
          await driver.destroy(KEY, { keepFiles: false }, signal);
          assert.deepEqual(worker.things(), NOTHING);
        });
      }
    }

    it('never end the machine of a seat that has got the slot of another meanwhile', async () => {
      await create();
      const cut = worker.cut('release', 'after');
      void driver.destroy(KEY, { keepFiles: true }, signal);
      await cut;
      const other = worker.driver();
      const heir = { workshopId: 'ws-b', seatId: 1 };
      assert.equal((await other.create(heir, SMALL, signal)).ip, '192.168.100.11');
      assert.deepEqual(
        (await restart()).map((seat) => seat.key),
        [heir],
      );
      assert.ok(driver.isRunning(heir));
      assert.deepEqual([...worker.slots], [1]);
    });
  });
});
