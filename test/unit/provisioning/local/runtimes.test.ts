import assert from 'node:assert/strict';
import { UnavailableError } from '../../../../src/protocol/errors.ts';
import type { MachineFacts } from '../../../../src/provisioning/workers/local/machine-facts.ts';
import { chooseRuntime, missingFor, reportRuntimes } from '../../../../src/provisioning/workers/local/runtimes.ts';
import { CORRUPT_IMAGE, machine, NO_IMAGE, programsBut } from './facts.ts';

describe('the choice of a runtime', () => {
  const cases: [string, Partial<MachineFacts>, string][] = [
    ['everything', {}, 'firecracker'],
    ['no firecracker', { programs: programsBut('firecracker') }, 'qemu'],
    ['no QEMU', { programs: programsBut('qemu-system-x86_64', 'setpriv') }, 'firecracker'],
    ['a KVM that hangs', { kvm: 'broken' }, 'qemu'],
    ['no KVM', { kvm: 'absent' }, 'qemu'],
    ['neither program', { programs: programsBut('firecracker', 'qemu-system-x86_64') }, 'process'],
    ['no nft', { programs: programsBut('nft') }, 'process'],
    ['no image', { image: NO_IMAGE }, 'process'],
    ['a broken image', { image: CORRUPT_IMAGE }, 'process'],
    ['no root', { privileges: 'none' }, 'process'],
    ['a container’s root', { privileges: 'restricted' }, 'process'],
    ['no TUN device', { hasTun: false }, 'process'],
    ['another platform', { platform: 'darwin arm64' }, 'process'],
  ];
  for (const [what, change, runtime] of cases) {
    it(`is ${runtime} for "auto" with ${what}`, () => {
      assert.equal(chooseRuntime('auto', machine(change)), runtime);
      assert.equal(reportRuntimes(machine(change)).auto, runtime);
    });
  }

  it('is what was asked for, or nothing: never something weaker', () => {
    assert.equal(chooseRuntime('qemu', machine()), 'qemu');
    assert.equal(chooseRuntime('process', machine({ privileges: 'none', image: NO_IMAGE })), 'process');
    const poor = machine({ kvm: 'broken', programs: programsBut('nft', 'qemu-system-x86_64') });
    for (const asked of ['firecracker', 'qemu'] as const) {
      assert.throws(
        () => chooseRuntime(asked, poor),
        (error) => {
          assert.ok(error instanceof UnavailableError);
          assert.match(error.message, new RegExp(`^This machine cannot make ${asked} seats\\. Missing: `));
          assert.match(error.message, /the program nft \(get it: apt-get install nftables\)/);
          assert.deepEqual(error.details?.['missing'], missingFor(asked, poor));
          return true;
        },
      );
    }
  });

  it('names each missing thing with the command that gets it, where there is one', () => {
    const bare = machine({ privileges: 'none', programs: {}, hasTun: false, image: NO_IMAGE, kvm: 'absent' });
    const missing = missingFor('qemu', bare);
    assert.deepEqual(
      missing.filter(({ command }) => command === null).map(({ what }) => what),
      ['root'],
    );
    assert.deepEqual([...new Set(missing.flatMap(({ command }) => command ?? []))].sort(), [
      'apt-get install e2fsprogs',
      'apt-get install iproute2',
      'apt-get install nftables',
      'apt-get install procps',
      'apt-get install qemu-system-x86',
      'apt-get install util-linux',
      'images/build',
      'modprobe tun',
    ]);
    const forFirecracker = missingFor('firecracker', bare).map(({ what }) => what);
    assert.ok(forFirecracker.includes('KVM (there is no /dev/kvm)'));
    assert.ok(!forFirecracker.some((what) => what.includes('qemu')));
  });

  it('blames KVM only where it was tried', () => {
    const untried = machine({ kvm: 'unproven', image: NO_IMAGE });
    assert.deepEqual(missingFor('firecracker', untried), missingFor('qemu', untried));
    assert.match(missingFor('firecracker', machine({ kvm: 'denied' }))[0]?.what ?? '', /not for this user/);
    assert.match(missingFor('firecracker', machine({ kvm: 'broken' }))[0]?.what ?? '', /did not run/);
  });
});
