/** Machines of Firecracker, as real processes in real namespaces, over a fake that refuses what the real one refuses. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '../../../src/lib/process-identity.ts';
import { CarapaceError, InvalidInputError, TimedOutError, UnavailableError } from '../../../src/protocol/errors.ts';
import { CONSOLE_RATE } from '../../../src/agent/vmm/firecracker/rates.ts';
import { FirecrackerHypervisor } from '../../../src/agent/vmm/firecracker/hypervisor.ts';
import type { Machine } from '../../../src/agent/vmm/machine/hypervisor.ts';
import { askSeat } from '../../../src/agent/vmm/machine/seat-channel.ts';
import type { SeatAnswer } from '../../../src/protocol/seat-init.ts';
import { FakeFirecracker, PATIENT } from '../../fakes/firecracker/install.ts';
import { Bench } from './firecracker-harness.ts';
import { registerNeedsTests } from './firecracker-needs.ts';
import { registerRealTests } from './firecracker-real.ts';

const signal = AbortSignal.timeout(600_000);

/** The fake needs no processor that runs machines; the device only has to be there. */
const KVM = '/dev/null';

function ask(machine: Machine): Promise<SeatAnswer> {
  return askSeat(machine.channel, () => ({ op: 'status' }), { deadlineMs: 5_000, signal });
}

function networkOf(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

for (const jailer of [false, true]) {
  describe(`Firecracker ${jailer ? 'with' : 'without'} its jailer`, function () {
    this.timeout(60_000);
    let bench: Bench;
    let fake: FakeFirecracker;
    let hypervisor: FirecrackerHypervisor;

    async function fresh(): Promise<FirecrackerHypervisor> {
      const made = new FirecrackerHypervisor({ path: fake.path, kvm: KVM, ...PATIENT });
      fake.behave({});
      await made.prepare(bench.image, signal);
      return made;
    }

    before(async () => {
      bench = new Bench();
      fake = FakeFirecracker.install(join(bench.folder, 'fake'), { jailer });
      hypervisor = await fresh();
    });
    beforeEach(() => fake.behave({}));
    after(() => bench.dispose());

    it('is found, with its versions', () => {
      assert.equal(hypervisor.accelerated, true);
      assert.deepEqual(hypervisor.versions(), { firecracker: '1.17.0', jailer: jailer ? '1.17.0' : 'none' });
      assert.match(
        hypervisor.fingerprint(),
        /^firecracker 1\.17\.0 (jailed|plain), linux \S+, processor [0-9a-f]{16}$/,
      );
    });

    it("runs a machine in its seat's network and a session of its own, and ends it with all that it made", async () => {
      const spec = bench.spec(1);
      const machine = await hypervisor.boot(spec, signal);
      const { pid } = machine.process;
      assert.notEqual(networkOf(pid), networkOf('self'));
      assert.equal(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[3], String(pid));
      assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /HOME=/);
      assert.equal((await ask(machine)).ok, true);
      assert.match(await machine.consoleTail(), /the seat starts/);
      await machine.kill();
      assert.equal(isAlive(machine.process), false);
      assert.deepEqual(bench.leftovers(spec), []);
      assert.ok(existsSync(spec.disk));
      await machine.kill();
    });

    if (jailer) {
      it('gives each machine a jail, a user and its own disk, and mounts nothing that anybody else sees', async () => {
        const [one, two] = [bench.spec(1), bench.spec(2)];
        const machines = await Promise.all([one, two].map((spec) => hypervisor.boot(spec, signal)));
        const users = [one, two].map((spec) => statSync(spec.disk).uid);
        assert.equal(new Set([0, ...users]).size, 3);
        const args = fake.calls().findLast((call) => call.jailed !== undefined)?.jailed ?? [];
        assert.ok(args.includes(two.link.namespace) || args.includes(one.link.namespace));
        assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(bench.folder));
        const inside = readFileSync(`/proc/${machines[0]!.process.pid}/mounts`, 'utf8');
        assert.ok(inside.includes(join(bench.folder, 'state')), 'nothing is mounted in the jail');
        await Promise.all(machines.map((machine) => machine.kill()));
        assert.deepEqual([...bench.leftovers(one), ...bench.leftovers(two)], []);
      });
    }

    it('copies a snapshot into two seats at once, and a machine goes on after its snapshot', async () => {
      const spec = bench.spec(1);
      const template = bench.template();
      const first = await hypervisor.boot(spec, signal);
      await ask(first);
      await first.snapshot(template, signal);
      await first.resume(signal);
      await ask(first);
      await first.snapshot(template, signal);
      await first.kill();
      for (const name of ['memory', 'state']) assert.equal(statSync(join(template.folder, name)).mode & 0o777, 0o644);
      const specs = [bench.spec(2), bench.spec(3)];
      const copies = await Promise.all(specs.map((one) => hypervisor.restore(one, template, signal)));
      for (const copy of copies) assert.equal((await ask(copy)).ok, true);
      // A copy can be written down, too, beside what it was made from.
      await copies[0]!.snapshot(template, signal);
      await Promise.all(copies.map((copy) => copy.kill()));
      for (const one of [spec, ...specs]) assert.deepEqual(bench.leftovers(one), []);
      const loads = fake.calls().filter(({ request }) => request === 'PUT /snapshot/load');
      assert.ok(loads.length === 2 && loads.every(({ status }) => status === 204));
    });

    it('keeps a machine over the death of the agent, and the next one takes it over', async () => {
      const spec = bench.spec(4);
      const script = join(import.meta.dirname, 'firecracker-starter.ts');
      const args = ['--no-warnings', script, fake.path, KVM, JSON.stringify(spec)];
      const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(createInterface({ input: agent.stdout }), 'line')) as [string];
      const identity = JSON.parse(line) as ProcessIdentity;
      agent.kill('SIGKILL');
      await once(agent, 'close');
      assert.ok(isAlive(identity));
      const later = await fresh();
      const machine = later.attach(spec.name, spec.folder, identity);
      assert.ok(machine);
      assert.equal((await ask(machine)).ok, true);
      await machine.snapshot(bench.template(), signal);
      await machine.resume(signal);
      await machine.kill();
      assert.deepEqual(bench.leftovers(spec), []);
      assert.equal(later.attach(spec.name, spec.folder, identity), undefined);
    });

    it('starts over what an agent left that was killed in the middle', async () => {
      const spec = bench.spec(1);
      const lost = await hypervisor.boot(spec, signal);
      process.kill(lost.process.pid, 'SIGKILL');
      while (isAlive(lost.process)) await sleep(5);
      assert.notDeepEqual(bench.leftovers(spec), []);
      const machine = await hypervisor.boot(spec, signal);
      assert.equal((await ask(machine)).ok, true);
      await machine.kill();
      assert.deepEqual(bench.leftovers(spec), []);
    });

    it('bounds what a machine writes to its console', async () => {
      fake.behave({ chatterMs: 1 });
      const spec = bench.spec(1);
      const machine = await hypervisor.boot(spec, signal);
      const path = join(spec.folder, 'vm', 'console.log');
      const bound = CONSOLE_RATE.size + (CONSOLE_RATE.one_time_burst ?? 0);
      const deadline = Date.now() + 120_000;
      while (statSync(path).size < bound - 1_000) {
        assert.ok(Date.now() < deadline, 'the console is not full after two minutes');
        await sleep(50);
      }
      await sleep(200);
      assert.ok(statSync(path).size <= bound);
      assert.match(await machine.consoleTail(), /chatter/);
      await machine.kill();
    });

    describe('when something is wrong', () => {
      /** Boots, or restores where there is a template, and wants it to fail with nothing left. */
      async function fails(slot: number, template?: { folder: string }): Promise<CarapaceError> {
        const spec = bench.spec(slot);
        const attempt =
          template === undefined ? hypervisor.boot(spec, signal) : hypervisor.restore(spec, template, signal);
        const error = await attempt.then(
          () => assert.fail('it did not fail'),
          (cause: unknown) => cause,
        );
        assert.ok(error instanceof CarapaceError, String(error));
        assert.deepEqual(bench.leftovers(spec), []);
        return error;
      }

      it('names the processor', async () => {
        fake.behave({ kvm: 'missing' });
        const error = await fails(1);
        assert.ok(error instanceof UnavailableError);
        assert.match(error.message, /KVM.*nested virtualization/s);
      });

      it('names the network device', async () => {
        bench.link(9);
        bench.removeTap(9);
        const spec = { ...bench.spec(1), link: { ...bench.link(1), tap: 'tap7' } };
        const error = await hypervisor.boot(spec, signal).catch((cause: unknown) => cause);
        assert.ok(error instanceof UnavailableError);
        assert.match(error.message, /TAP/);
        assert.deepEqual(bench.leftovers(spec), []);
      });

      it('names the namespace', async () => {
        const spec = { ...bench.spec(1), link: { ...bench.link(1), namespace: '/run/netns/fc-gone' } };
        const error = await hypervisor.boot(spec, signal).catch((cause: unknown) => cause);
        assert.ok(error instanceof UnavailableError, String(error));
        assert.match(error.message, /Firecracker ended.*fc-gone/s);
        assert.deepEqual(bench.leftovers(bench.spec(1)), []);
      });

      it('names a missing kernel and a missing disk', async () => {
        const spec = bench.spec(1);
        const nowhere = join(bench.folder, 'nowhere');
        for (const broken of [
          { ...spec, disk: nowhere },
          { ...spec, image: { ...spec.image, kernel: nowhere } },
        ]) {
          const error = await hypervisor.boot(broken, signal).catch((cause: unknown) => cause);
          assert.ok(error instanceof UnavailableError, String(error));
          assert.match(error.message, /nowhere|kernel|missing|os error 2/);
        }
      });

      it('tells a full disk and no memory apart', async () => {
        fake.behave({ refuse: { request: 'PUT /actions', fault: 'Cannot allocate memory (os error 12)' } });
        assert.equal((await fails(1)).code, 'NO_CAPACITY');
        fake.behave({ refuse: { request: 'PUT /actions', fault: 'No space left on device (os error 28)' } });
        assert.equal((await fails(1)).code, 'DISK_FULL');
      });

      it('tells in words how the program ended', async () => {
        fake.behave({ dieOn: { request: 'PUT /actions', code: 148 } });
        assert.match((await fails(1)).message, /seccomp.*exit code 148/s);
      });

      it('takes no name that Firecracker does not take', async () => {
        const spec = { ...bench.spec(1), name: 'seat_1' };
        await assert.rejects(hypervisor.boot(spec, signal), InvalidInputError);
        assert.deepEqual(bench.leftovers(bench.spec(1)), []);
      });

      it('ends what does not answer, when it is told to', async () => {
        fake.behave({ hangOn: 'PUT /vsock' });
        const spec = bench.spec(1);
        const attempt = hypervisor.boot(spec, AbortSignal.any([signal, AbortSignal.timeout(1_500)]));
        await assert.rejects(attempt, { name: 'TimeoutError' });
        assert.deepEqual(bench.leftovers(spec), []);
      });

      it('ends what does not answer, by its own deadline', async () => {
        fake.behave({ hangOn: 'PUT /vsock' });
        assert.ok((await fails(1)) instanceof TimedOutError);
      });

      it('says that a snapshot of another processor or version does not fit', async () => {
        const template = bench.template();
        const machine = await hypervisor.boot(bench.spec(1), signal);
        await machine.snapshot(template, signal);
        await machine.kill();
        fake.behave({ cpu: 'AuthenticFake' });
        assert.match((await fails(2, template)).message, /TSC.*does not fit this worker/s);
        fake.behave({ version: '1.18.0' });
        assert.match((await fails(2, template)).message, /bitcode.*does not fit this worker/s);
        fake.behave({});
        writeFileSync(join(template.folder, 'memory'), 'short', { mode: 0o644 });
        assert.match((await fails(2, template)).message, /guest memory/);
        rmSync(join(template.folder, 'state'));
        assert.match((await fails(2, template)).message, /missing|does not exist|No such file/);
      });
    });
  });
}

registerNeedsTests();
registerRealTests();
