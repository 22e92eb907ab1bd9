/** What this program asks of Firecracker is always taken, for every size and seat. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FakeVmm } from '../../../../fakes/firecracker/vmm.ts';
import { addressOf, GUEST, MAX_SLOTS, type SeatLink } from '../../../../../src/agent/network/seat-network.ts';
import type { ApiRequest } from '../../../../../src/agent/vmm/firecracker/bodies.ts';
import { checkMachineName, isRecentEnough } from '../../../../../src/agent/vmm/firecracker/rules.ts';
import {
  bootRequests,
  KERNEL_ARGUMENTS,
  restoreRequests,
  resumeRequest,
  snapshotRequests,
} from '../../../../../src/agent/vmm/firecracker/sequence.ts';
import { InvalidInputError } from '../../../../../src/protocol/errors.ts';
import { PlayedWorld } from './played-world.ts';

function linkOf(slot: number): SeatLink {
  return { slot, ip: addressOf(slot), namespace: `/run/netns/carapace-${slot}`, tap: GUEST.tap, mac: GUEST.mac };
}

const sizes = fc.record({
  vcpus: fc.integer({ min: 1, max: 32 }),
  memoryMb: fc.integer({ min: 1, max: 65_536 }),
  diskMb: fc.integer({ min: 64, max: 100_000 }),
});
const links = fc.integer({ min: 1, max: MAX_SLOTS }).map(linkOf);

async function sendAll(vmm: FakeVmm, requests: readonly ApiRequest[]): Promise<void> {
  for (const { method, path, body } of requests) {
    const answer = await vmm.handle(method, path, JSON.stringify(body));
    assert.equal(answer.status, 204, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  }
}

describe('what is asked of Firecracker', () => {
  it('is taken from the start to the snapshot, from there on, and for each copy', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, links, links, async (size, first, second) => {
        const world = new PlayedWorld();
        const template = new FakeVmm('template', world);
        await sendAll(template, bootRequests(size, first));
        assert.equal(template.state, 'Running');
        await sendAll(template, snapshotRequests());
        assert.equal(template.state, 'Paused');
        await sendAll(template, [resumeRequest(), ...snapshotRequests()]);
        const copy = new FakeVmm('copy', world);
        await sendAll(copy, restoreRequests(second));
        assert.equal(copy.state, 'Running');
        await sendAll(copy, [...snapshotRequests(), resumeRequest()]);
      }),
      { numRuns: 100 },
    );
  });

  it('holds no path but bare names, so that every copy finds its own files', () => {
    const text = JSON.stringify([
      ...bootRequests({ vcpus: 1, memoryMb: 256, diskMb: 512 }, linkOf(1)),
      ...restoreRequests(linkOf(1)),
      ...snapshotRequests(),
    ]);
    const paths = [...text.matchAll(/"(?:\w+_path|path_on_host)":"([^"]*)"/g)].map((match) => match[1]!);
    assert.equal(paths.length, 13);
    for (const path of paths) assert.doesNotMatch(path, /\//);
  });

  it('refuses sizes that Firecracker has not, before anything is asked', () => {
    for (const size of [
      { vcpus: 0, memoryMb: 256, diskMb: 1 },
      { vcpus: 33, memoryMb: 256, diskMb: 1 },
      { vcpus: 1.5, memoryMb: 256, diskMb: 1 },
      { vcpus: 1, memoryMb: 0, diskMb: 1 },
      { vcpus: 1, memoryMb: 0.5, diskMb: 1 },
    ]) {
      assert.throws(() => bootRequests(size, linkOf(1)), InvalidInputError, JSON.stringify(size));
    }
  });

  it("lets Debian's kernel load its modules and find its devices through ACPI", () => {
    const words = KERNEL_ARGUMENTS.split(' ');
    assert.ok(!words.includes('nomodule'));
    assert.ok(!words.some((word) => word.startsWith('acpi=') || word.startsWith('root=')));
  });

  it('bounds the console, and says so also before a restore', () => {
    for (const requests of [
      bootRequests({ vcpus: 1, memoryMb: 128, diskMb: 1 }, linkOf(1)),
      restoreRequests(linkOf(1)),
    ]) {
      const serial = requests.find((request) => request.path === '/serial');
      assert.ok(serial?.path === '/serial' && serial.body.rate_limiter.size > 0);
    }
  });
});

describe("a machine's name", () => {
  it('is what Firecracker takes as an id, and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 70 }), (name) => {
        const isAllowed = /^[a-zA-Z0-9-]{1,64}$/.test(name);
        if (isAllowed) assert.equal(checkMachineName(name), name);
        else assert.throws(() => checkMachineName(name), InvalidInputError);
      }),
    );
    assert.equal(checkMachineName('a'.repeat(64)).length, 64);
    assert.throws(() => checkMachineName('a'.repeat(65)), InvalidInputError);
    assert.throws(() => checkMachineName('seat_1'), InvalidInputError);
  });
});

describe("Firecracker's version", () => {
  it('is 1.17 or newer', () => {
    for (const version of ['1.17.0', '1.17.1', '1.18.0', '1.100.0', '2.0.0'])
      assert.ok(isRecentEnough(version), version);
    for (const version of ['1.16.9', '1.9.1', '1.2.0', '0.25.0']) assert.ok(!isRecentEnough(version), version);
  });
});
