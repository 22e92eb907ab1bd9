/**
 * Seats from the first to the last step over the fake Firecracker: the real driver, the real network, real disks, and a
 * played guest behind each seat's TAP device. What only a real guest can show, the tests with QEMU show.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../../src/lib/log.ts';
import { chooseLimiter } from '../../../src/agent/limits/choose.ts';
import { WorkerNetwork } from '../../../src/agent/network/worker-network.ts';
import { isHealthy } from '../../../src/agent/seat-health.ts';
import type { RunningSeat, SeatKey } from '../../../src/agent/vmm/driver.ts';
import { FirecrackerHypervisor } from '../../../src/agent/vmm/firecracker/hypervisor.ts';
import { MachineDriver } from '../../../src/agent/vmm/machine/driver.ts';
import type { ImageManifest } from '../../../src/agent/vmm/machine/image.ts';
import { processesNaming } from '../../support/processes.ts';
import { FakeFirecracker, PATIENT } from '../../fakes/firecracker/install.ts';

const OWNER = 'fcdriver';
const signal = AbortSignal.timeout(240_000);

function makeImage(folder: string): void {
  mkdirSync(folder);
  const file = (name: string): ImageManifest['kernel'] => {
    writeFileSync(join(folder, name), name, { mode: 0o644 });
    return { name, bytes: name.length, sha256: createHash('sha256').update(name).digest('hex') };
  };
  const manifest: ImageManifest = {
    format: 1,
    id: 'played',
    version: '0',
    built_at: '2026-01-01T00:00:00Z',
    kernel: file('kernel'),
    initramfs: file('initramfs'),
    rootfs: file('rootfs.ext4'),
    kernel_release: '6.1',
    debian: '12',
    node: '24',
    packages: [],
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

for (const jailer of [true, false]) {
  describe(`seats of Firecracker ${jailer ? 'with' : 'without'} its jailer`, function () {
    this.timeout(120_000);
    let folder = '';
    const log = createLog('test', 'info', { write: (line) => appendFileSync(join(folder, 'log'), line) });
    const keys: SeatKey[] = [1, 2].map((seatId) => ({ workshopId: 'ws-fire', seatId }));
    let fake: FakeFirecracker;
    let driver: MachineDriver;
    const networks: WorkerNetwork[] = [];

    async function newDriver(): Promise<MachineDriver> {
      const network = new WorkerNetwork({ owner: OWNER, log, ahead: 0 });
      networks.push(network);
      return new MachineDriver({
        stateFolder: join(folder, 'state'),
        socketFolder: join(folder, 'run'),
        imagesFolder: join(folder, 'images'),
        hypervisor: new FirecrackerHypervisor({ path: fake.path, kvm: '/dev/null', ...PATIENT }),
        network,
        limiter: await chooseLimiter(OWNER),
        log,
      });
    }

    function seatNamespaces(): string[] {
      const list = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
      return list.split('\n').filter((line) => line.includes(OWNER));
    }

    function machines(): string[] {
      return processesNaming(folder)
        .map(({ command }) => command)
        .filter((command) => command.includes('--api-sock'));
    }

    async function answers(seat: RunningSeat): Promise<boolean> {
      return isHealthy({ terminal: seat.terminal, files: seat.files }, signal);
    }

    before(async () => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-fc-seats-')));
      for (const name of ['state', 'run']) mkdirSync(join(folder, name), { mode: 0o700 });
      makeImage(join(folder, 'images'));
      fake = FakeFirecracker.install(join(folder, 'fake'), { jailer });
      fake.behave({ guest: true });
      driver = await newDriver();
      await driver.adopt(signal);
    });
    after(async () => {
      for (const network of networks) await network.close();
      for (const { pid } of processesNaming(folder)) process.kill(pid, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });

    it('are shown to be possible by one that is made aside, with a snapshot for all others', async () => {
      await driver.probe(signal);
      assert.equal(driver.accelerated, true);
      assert.equal(driver.runtime, 'firecracker');
      const [template] = readdirSync(join(folder, 'state', 'templates'));
      assert.deepEqual(readdirSync(join(folder, 'state', 'templates', template!)).sort(), [
        'complete.json',
        'disk.raw',
        'snapshot',
      ]);
      assert.deepEqual(machines(), []);
    });

    it('are copies of the snapshot, each with its own address and servers that answer', async () => {
      const seats = await Promise.all(keys.map((key) => driver.create(key, {}, signal)));
      assert.deepEqual(
        seats.map(({ fromSnapshot, ip }) => [fromSnapshot, ip]),
        [
          [true, '192.168.100.11'],
          [true, '192.168.100.12'],
        ],
      );
      for (const seat of seats) assert.equal(await answers(seat), true);
      assert.equal(machines().length, 2);
    });

    it('are adopted by the next agent', async () => {
      // As when the first agent dies: what it serves ends, what runs stays.
      await networks[0]!.close();
      const next = await newDriver();
      const adopted = await next.adopt(signal);
      assert.deepEqual(adopted.map(({ key }) => key.seatId).sort(), [1, 2]);
      for (const seat of adopted) assert.equal(await answers(seat), true);
      driver = next;
    });

    it('come back new by a reset, from the snapshot', async () => {
      const seat = await driver.reset(keys[0]!, signal);
      assert.deepEqual([seat.fromSnapshot, seat.ip], [true, '192.168.100.11']);
      assert.equal(await answers(seat), true);
    });

    it('keep their disk when they are stopped, and boot over it', async () => {
      const place = join(folder, 'state', 'seats', 'ws-fire', '2');
      await driver.destroy(keys[1]!, { keepFiles: true }, signal);
      assert.deepEqual(readdirSync(place).sort(), ['disk.raw', 'state.json']);
      const seat = await driver.create(keys[1]!, {}, signal);
      assert.equal(seat.fromSnapshot, false);
      assert.equal(await answers(seat), true);
    });

    it('boot where the snapshot does not fit any more', async () => {
      fake.behave({ guest: true, refuse: { request: 'PUT /snapshot/load', fault: 'Could not set TSC scaling' } });
      const seat = await driver.reset(keys[0]!, signal);
      assert.equal(seat.fromSnapshot, false);
      assert.equal(await answers(seat), true);
      fake.behave({ guest: true });
      assert.match(readFileSync(join(folder, 'log'), 'utf8'), /could not be restored/);
    });

    it('leave nothing when they are deleted', async () => {
      await Promise.all(keys.map((key) => driver.destroy(key, { keepFiles: false }, signal)));
      assert.deepEqual(machines(), []);
      assert.deepEqual(seatNamespaces(), []);
      assert.equal(existsSync(join(folder, 'state', 'seats', 'ws-fire')), false);
      assert.deepEqual(readdirSync(join(folder, 'run')), []);
      assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(folder));
    });

    it('were made by nothing that Firecracker refused, but what it was told to refuse', () => {
      const refused = fake.calls().filter(({ status }) => status !== undefined && status >= 400);
      assert.ok(refused.length > 0 && refused.every(({ request }) => request === 'PUT /snapshot/load'));
    });
  });
}
