/** Seats that are real machines, without an agent around them: made, broken, reset, found again and removed. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import { createDriver } from '../../../src/agent/vmm/create-driver.ts';
import type { RunningSeat, SeatKey, VmDriver } from '../../../src/agent/vmm/driver.ts';
import { imageManifestSchema } from '../../../src/agent/vmm/machine/image.ts';
import { createLog } from '../../../src/lib/log.ts';
import type { ExecResult } from '../../../src/protocol/files.ts';
import { requireRig } from './rig/kernel-snapshot.ts';
import { countWorld, until } from './seats-harness.ts';

const images = process.env['IMAGES_DIR'] ?? '';
const KEYS: readonly SeatKey[] = [1, 2, 3].map((seatId) => ({ workshopId: 'ws-machines', seatId }));
/** The seat of machine-driver-child.ts. */
const KILLED: SeatKey = { workshopId: 'ws-killed', seatId: 1 };
const signal = new AbortController().signal;

/** Asks by a connection of its own: one that was kept may belong to a machine that is gone. */
function ask(seat: RunningSeat, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { ...seat.files, path: '/exec', method: 'POST', headers, agent: false };
    const sent = request(options, (answer) => void text(answer).then(resolve, reject));
    sent.on('error', reject).end(body);
  });
}

/** Runs a command in a seat as its learner, and returns what it wrote. */
async function output(seat: RunningSeat, command: string): Promise<string> {
  const result = JSON.parse(await ask(seat, JSON.stringify({ command }))) as ExecResult;
  assert.equal(result.exit_code, 0, `${command}: ${JSON.stringify(result)}`);
  return result.stdout.trim();
}

describe('seats in QEMU', function () {
  this.timeout(300_000);
  let folder: string;
  let state: string;
  let sockets: string;
  let worldBefore: Record<string, readonly string[]>;
  let driver: VmDriver;
  const drivers: VmDriver[] = [];
  let seats: RunningSeat[];

  before(() => {
    requireRig();
    folder = mkdtempSync('/tmp/carapace-machines-');
    state = join(folder, 'state');
    sockets = join(folder, 'run');
    for (const made of [state, sockets]) mkdirSync(made, { mode: 0o700 });
    worldBefore = world();
  });

  after(async () => {
    for (const key of [...KEYS, KILLED]) await driver.destroy(key, { keepFiles: false }, signal);
    // Also of tests that failed: the timers of one would keep this process.
    for (const each of drivers) await each.close?.();
    rmSync(folder, { recursive: true });
  });

  /** Without what a driver keeps for the next seats: templates, and slots that are ready. */
  function world(): Record<string, readonly string[]> {
    const files = readdirSync(state, { recursive: true, encoding: 'utf8' });
    const kept = files.filter((file) => !file.startsWith('templates') && file !== 'kvm-probe.json').sort();
    return { ...countWorld(folder), files: kept, run: readdirSync(sockets) };
  }

  async function newDriver(): Promise<VmDriver> {
    const log = createLog('test', 'silent');
    const folders = { stateFolder: state, socketFolder: sockets, imagesFolder: images };
    return createDriver({ runtime: 'qemu', ...folders, workspaceProgram: 'none', log });
  }

  /** The next agent's driver. @returns the seats that it took over */
  async function startDriver(): Promise<RunningSeat[]> {
    driver = await newDriver();
    drivers.push(driver);
    return driver.adopt(signal);
  }

  it('are made three at once, from one snapshot that was made for them', async () => {
    assert.deepEqual(await startDriver(), []);
    seats = await Promise.all(KEYS.map((key) => driver.create(key, {}, signal)));
    assert.deepEqual(
      seats.map((seat) => [seat.ip, seat.fromSnapshot]),
      ['11', '12', '13'].map((last) => [`192.168.100.${last}`, true]),
    );
    const manifest = imageManifestSchema.parse(JSON.parse(readFileSync(join(images, 'manifest.json'), 'utf8')));
    for (const seat of seats) {
      assert.equal(await output(seat, 'uname -r'), manifest.kernel_release);
      execFileSync('busybox', ['ping', '-c', '1', '-W', '5', seat.ip!]);
    }
    assert.equal(readdirSync(join(state, 'templates')).length, 1);
  });

  it('differ in all that must not be the same, and know the time', async () => {
    const commands = [
      'hostname',
      'cat /etc/machine-id',
      'cat /etc/ssh/ssh_host_ed25519_key.pub',
      'head -c 1048576 /dev/urandom | sha256sum',
      'cat /proc/sys/kernel/random/uuid',
    ];
    for (const command of commands) {
      const answers = await Promise.all(seats.map((seat) => output(seat, command)));
      assert.equal(new Set(answers).size, seats.length, `${command}: ${answers.join(' / ')}`);
      assert.ok(answers.every((answer) => answer !== ''));
    }
    for (const seat of seats) {
      const begun = Date.now();
      const told = Number(await output(seat, 'date +%s%3N'));
      assert.ok(told > begun - 2_000 && told < Date.now() + 2_000, `${told} is not between ${begun} and now`);
    }
  });

  it('are reset to what they were, quickly, while the others go on', async () => {
    const [one, two] = seats;
    await output(two!, 'echo mine > /workspace/mine');
    await output(one!, 'sudo -n rm /etc/debian_version && echo mine > /workspace/mine');
    const again = await driver.reset(KEYS[0]!, signal);
    assert.deepEqual([again.ip, again.fromSnapshot], [one!.ip, true]);
    assert.match(await output(again, 'cat /etc/debian_version'), /^12\./);
    assert.equal(await output(again, 'ls /workspace'), '');
    assert.equal(await output(two!, 'cat /workspace/mine'), 'mine');
    console.log(`      reset: ${again.startedInMs} ms`);
  });

  it('are not running any more once they have crashed, and are reset the same way', async () => {
    const [key] = KEYS;
    await output(seats[0]!, '(sleep 1; echo c | sudo -n tee /proc/sysrq-trigger) > /dev/null 2>&1 &');
    const begun = Date.now();
    await until('the crash is noticed', () => !driver.isRunning(key!));
    console.log(`      crash noticed after ${Date.now() - begun} ms`);
    const again = await driver.reset(key!, signal);
    assert.ok(driver.isRunning(key!));
    assert.equal(await output(again, 'id -un'), 'learner');
  });

  it('are reset with a new network where theirs is gone', async () => {
    const { link } = JSON.parse(readFileSync(join(state, 'seats/ws-machines/1/state.json'), 'utf8')) as {
      link: { namespace: string };
    };
    execFileSync('nsenter', [`--net=${link.namespace}`, 'ip', 'link', 'delete', 'tap0']);
    const again = await driver.reset(KEYS[0]!, signal);
    assert.equal(await output(again, 'id -un'), 'learner');
    seats[0] = again;
  });

  it('are taken over by the next agent while their programs go on', async () => {
    await output(seats[1]!, '(while sleep 0.2; do echo beat >> /tmp/beat; done) > /dev/null 2>&1 &');
    await driver.close?.();
    const adopted = await startDriver();
    assert.deepEqual(adopted.map((seat) => seat.ip).sort(), seats.map((seat) => seat.ip).sort());
    for (const key of KEYS) assert.ok(driver.isRunning(key));
    const beats = (): Promise<string> => output(seats[1]!, 'wc -l < /tmp/beat');
    const beat = await beats();
    await until('there are more beats', async () => (await beats()) !== beat);
    assert.equal(await output(await driver.reset(KEYS[1]!, signal), 'ls /tmp'), '');
  });

  it('keep their files while they are stopped', async () => {
    await output(seats[2]!, 'echo mine > /workspace/mine && sudo -n touch /etc/mine');
    const id = await output(seats[2]!, 'cat /etc/machine-id');
    await driver.destroy(KEYS[2]!, { keepFiles: true }, signal);
    assert.ok(!driver.isRunning(KEYS[2]!));
    const again = await driver.create(KEYS[2]!, {}, signal);
    assert.equal(again.fromSnapshot, false);
    assert.equal(
      await output(again, 'cat /workspace/mine && ls /etc/mine && cat /etc/machine-id'),
      `mine\n/etc/mine\n${id}`,
    );
    console.log(`      cold boot: ${again.startedInMs} ms`);
  });

  it('boot cold where their snapshot is damaged, and the next is restored from a new one', async () => {
    const templates = join(state, 'templates');
    const snapshot = join(templates, readdirSync(templates)[0]!, 'snapshot');
    for (const name of readdirSync(snapshot)) {
      // As long as it was, so that only a restore can find it out.
      const bytes = readFileSync(join(snapshot, name)).length;
      truncateSync(join(snapshot, name), 0);
      truncateSync(join(snapshot, name), bytes);
    }
    const cold = await driver.reset(KEYS[0]!, signal);
    assert.equal(cold.fromSnapshot, false);
    assert.equal(await output(cold, 'id -un'), 'learner');
    assert.equal((await driver.reset(KEYS[0]!, signal)).fromSnapshot, true);
  });

  it('leave nothing when they are deleted', async () => {
    for (const key of KEYS) await driver.destroy(key, { keepFiles: false }, signal);
    await driver.close?.();
    assert.deepEqual(world(), worldBefore);
  });

  describe('after kill -9 of an agent', () => {
    /** Starts an agent's driver, kills it some time after it has begun a step, and lets the next one look. */
    async function killAfter(step: string, wait: number | (() => Promise<void>)): Promise<RunningSeat[]> {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'machine-driver-child.ts'), state, sockets, images, String(KILLED.seatId)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const ended = once(child, 'exit');
      for await (const line of createInterface({ input: child.stdout })) if (line === step) break;
      await (typeof wait === 'number' ? sleep(wait) : wait());
      child.kill('SIGKILL');
      await ended;
      return startDriver();
    }

    async function requireNothing(): Promise<void> {
      await driver.close?.();
      assert.deepEqual(world(), worldBefore);
    }

    for (const milliseconds of [100, 300, 500, 700, 900, 1100]) {
      it(`${milliseconds} ms into making a seat, nothing is left of it`, async () => {
        const adopted = await killAfter('create', milliseconds);
        for (const { key } of adopted) await driver.destroy(key, { keepFiles: false }, signal);
        await requireNothing();
      });
    }

    for (const milliseconds of [50, 400, 800]) {
      it(`${milliseconds} ms into a reset, the seat is there and can be reset`, async () => {
        const [seat] = await killAfter('reset', milliseconds);
        assert.ok(seat !== undefined);
        assert.equal(await output(await driver.reset(seat.key, signal), 'id -un'), 'learner');
        await driver.destroy(seat.key, { keepFiles: false }, signal);
        await requireNothing();
      });
    }

    it('while a snapshot is made, nothing is left of it', async () => {
      const templates = join(state, 'templates');
      rmSync(templates, { recursive: true, force: true });
      const isBooting = (): boolean => {
        const [name = 'none'] = existsSync(templates) ? readdirSync(templates) : [];
        const file = join(templates, name, 'state.json');
        return existsSync(file) && readFileSync(file, 'utf8').includes('"pid"');
      };
      assert.deepEqual(await killAfter('create', () => until('the machine boots', isBooting)), []);
      await requireNothing();
      assert.deepEqual(readdirSync(templates), []);
    });

    it('whose state files were lost, nothing runs on', async () => {
      const [seat] = await killAfter('reset', 0);
      assert.ok(seat !== undefined);
      const file = join(state, 'seats/ws-killed/1/state.json');
      assert.ok(existsSync(file));
      writeFileSync(file, '');
      await driver.close?.();
      assert.deepEqual(await startDriver(), []);
      assert.ok(existsSync(join(state, 'seats/ws-killed/1/disk.raw')), 'the files are kept');
      await driver.destroy(seat.key, { keepFiles: false }, signal);
      await requireNothing();
    });
  });
});
