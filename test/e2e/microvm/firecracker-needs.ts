/** What is missing for machines of Firecracker is named, each thing. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FirecrackerHypervisor } from '../../../src/agent/vmm/firecracker/hypervisor.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';
import { FakeFirecracker, PATIENT } from '../../fakes/firecracker/install.ts';
import { Bench } from './firecracker-harness.ts';

const signal = AbortSignal.timeout(600_000);

/** The fake needs no processor that runs machines; the device only has to be there. */
const KVM = '/dev/null';

export function registerNeedsTests(): void {
  describe('what Firecracker needs', function () {
    this.timeout(30_000);
    let bench: Bench;

    before(() => {
      bench = new Bench();
    });
    after(() => bench.dispose());

    async function obstacle(fake: FakeFirecracker, kvm = KVM, probeMs: number = PATIENT.probeMs): Promise<string> {
      const hypervisor = new FirecrackerHypervisor({ path: fake.path, kvm, ...PATIENT, probeMs });
      const error = await hypervisor.prepare(bench.image, signal).then(
        () => assert.fail('nothing was missing'),
        (cause: unknown) => cause,
      );
      assert.ok(error instanceof UnavailableError);
      assert.equal(hypervisor.accelerated, false);
      assert.throws(() => hypervisor.fingerprint(), UnavailableError);
      return error.message;
    }

    function install(name: string, jailer = false): FakeFirecracker {
      return FakeFirecracker.install(join(bench.folder, name), { jailer });
    }

    it('is told, each thing by its name', async () => {
      const none = install('none');
      none.uninstall('firecracker');
      assert.match(await obstacle(none, '/dev/no-kvm'), /firecracker is not on the PATH.*\/dev\/no-kvm is missing/s);
      const old = install('old');
      old.behave({ version: '1.16.2' });
      assert.match(await obstacle(old), /Firecracker 1\.16\.2 is too old.*1\.17\.0 or newer/);
      const other = install('other', true);
      other.behave({ jailerVersion: '1.17.1' });
      assert.match(await obstacle(other), /jailer is of version 1\.17\.1 and does not fit Firecracker 1\.17\.0/);
    });

    it('is a processor that really runs a machine: a device that only is there is found out', async () => {
      const hanging = install('hanging');
      hanging.behave({ kvm: 'hangs' });
      assert.match(
        await obstacle(hanging, KVM, 1_500),
        /small machine did not run on it: it did not start within 1\.5 s/,
      );
      const missing = install('missing');
      missing.behave({ kvm: 'missing' });
      assert.match(await obstacle(missing), /configuration was bad \(exit code 152\)/);
    });

    it('is an image that every user can read, where there is a jailer', async () => {
      const jailed = install('jailed', true);
      const unreadable = { ...bench.image, rootfs: join(bench.folder, 'secret') };
      writeFileSync(unreadable.rootfs, '', { mode: 0o600 });
      const hypervisor = new FirecrackerHypervisor({ path: jailed.path, kvm: KVM, ...PATIENT });
      await assert.rejects(hypervisor.prepare(unreadable, signal), /must be readable for all users/);
    });
  });
}
