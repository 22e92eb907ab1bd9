import assert from 'node:assert/strict';
import { Admission, type Claim } from '../../../../../src/agent/vmm/machine/admission.ts';
import { hostFacts, type HostFacts } from '../../../../../src/agent/vmm/machine/host-facts.ts';
import { expectedMb, machineCapacity, reserveMb, sizeOf } from '../../../../../src/agent/vmm/machine/sizes.ts';
import { ownIdentity } from '../../../../../src/lib/process-identity.ts';
import { DiskFullError, InvalidInputError, NoCapacityError } from '../../../../../src/protocol/errors.ts';

const GIB = 1024;

describe('room on a worker', () => {
  let facts: { memory: number; own: number; disk: number; used: Record<string, number> };
  let admission: Admission;

  beforeEach(() => {
    facts = { memory: 4 * GIB, own: 0, disk: 20 * GIB, used: {} };
    const host: HostFacts = {
      size: { cores: 2, memoryMb: 8 * GIB },
      freeMemoryMb: () => facts.memory,
      ownMemoryMb: () => facts.own,
      freeDiskMb: () => facts.disk,
      usedDiskMb: (path) => facts.used[path] ?? 0,
    };
    admission = new Admission(host, '/state');
  });

  function claim(memoryMb: number, diskMb = 1, file = 'disk'): Claim {
    return { memoryMb, diskMb, files: [file] };
  }

  it('is what is free, without what is kept for the worker and what others were promised and have not taken', () => {
    assert.equal(reserveMb({ cores: 2, memoryMb: 8 * GIB }), 512);
    admission.admit('one', claim(2 * GIB));
    // 4096 free, 512 for the worker, 2048 promised: 1536.
    assert.throws(() => admission.admit('two', claim(1537)), NoCapacityError);
    admission.admit('two', claim(1536));
    assert.throws(() => admission.admit('three', claim(1)), NoCapacityError);
    admission.release('two');
    facts.memory -= 1500;
    facts.own = 1500;
    admission.started('one', ownIdentity());
    // The same room as before, now taken in part.
    admission.admit('two', claim(1536));
  });

  it('is not counted twice for a machine that has more than was expected', () => {
    admission.hold('one', claim(100), ownIdentity());
    facts.own = 3000;
    facts.memory = 1000;
    admission.admit('two', claim(488));
    assert.throws(() => admission.admit('three', claim(1)), NoCapacityError);
  });

  it('is told with the numbers when there is none', () => {
    admission.admit('one', claim(1000));
    assert.throws(
      () => admission.admit('two', claim(5000)),
      (error) => {
        assert.ok(error instanceof NoCapacityError);
        assert.match(error.message, /4096 MiB are free, 512 of them.* 1000 for its other seats; the seat needs 5000/);
        return true;
      },
    );
  });

  it('on the disk is what is free without what the seats may still write', () => {
    facts.used = { a: 100, b: 0 };
    admission.admit('one', claim(1, 2 * GIB, 'a'));
    admission.admit('two', claim(1, 10 * GIB, 'b'));
    facts.disk = 12 * GIB - 100 + 512;
    assert.throws(() => admission.admit('three', claim(1, 1, 'c')), DiskFullError);
    facts.used = { a: 100, b: 1 };
    admission.admit('three', claim(1, 1, 'c'));
    // A disk that was kept has taken its room already.
    facts.used = { a: 100, b: 1, c: 1, d: 5 * GIB };
    admission.admit('four', claim(1, 5 * GIB, 'd'));
  });
});

describe('the size of machines', () => {
  const host = { cores: 2, memoryMb: 24_105 };

  it('has defaults that fit, and bounds that are told', () => {
    assert.deepEqual(sizeOf({}, host, true), { vcpus: 1, memoryMb: 512, diskMb: 2048 });
    assert.deepEqual(sizeOf({}, host, false), { vcpus: 1, memoryMb: 384, diskMb: 2048 });
    assert.deepEqual(sizeOf({ vcpus: 2, memoryMb: 4096, diskMb: 128 }, host, false), {
      ...{ vcpus: 2, memoryMb: 4096, diskMb: 128 },
    });
    for (const [limits, path] of [
      [{ vcpus: 3 }, 'vcpus'],
      [{ memoryMb: 191 }, 'memory_mb'],
      [{ memoryMb: 24_105 }, 'memory_mb'],
      [{ diskMb: 127 }, 'disk_mb'],
    ] as const) {
      assert.throws(
        () => sizeOf(limits, host, false),
        (error) => error instanceof InvalidInputError && error.details?.['path'] === path,
      );
    }
  });

  it('gives a capacity by memory or processors, never none and never more than there are addresses', () => {
    assert.equal(machineCapacity(host, false), 16, 'by processors');
    assert.equal(
      machineCapacity({ cores: 64, memoryMb: 8192 }, true),
      Math.floor((8192 - 512) / expectedMb(512, true)),
    );
    assert.equal(machineCapacity({ cores: 1, memoryMb: 256 }, true), 1);
    assert.equal(machineCapacity({ cores: 128, memoryMb: 1024 ** 2 }, true), 240);
  });
});

describe('what a worker has left', () => {
  it('is read from this very machine', () => {
    assert.ok(hostFacts.freeMemoryMb() > 0 && hostFacts.freeMemoryMb() <= hostFacts.size.memoryMb);
    const before = hostFacts.ownMemoryMb(ownIdentity());
    const held = Buffer.alloc(256 * 1024 ** 2, 1);
    const after = hostFacts.ownMemoryMb(ownIdentity());
    assert.ok(after - before > 200, `${before} MiB, ${after} MiB with ${held.length} bytes more`);
    assert.equal(hostFacts.ownMemoryMb({ ...ownIdentity(), start_time: '0' }), 0);
    assert.ok(hostFacts.freeDiskMb('/tmp') > 0);
    assert.equal(hostFacts.usedDiskMb('/nowhere/at/all'), 0);
  });
});
