/** Real machines in a real QEMU, one after the other; run by enter.sh, with IMAGES_DIR naming a built image. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import * as z from 'zod/mini';
import type { Machine, MachineSpec } from '../../../src/agent/vmm/machine/hypervisor.ts';
import { readImage, type MachineImage } from '../../../src/agent/vmm/machine/image.ts';
import { DISK_LIMITS } from '../../../src/agent/vmm/qemu/command-line.ts';
import { QemuHypervisor } from '../../../src/agent/vmm/qemu/hypervisor.ts';
import { probe } from '../../../src/agent/vmm/qemu/kvm-probe.ts';
import { machineFiles } from '../../../src/agent/vmm/qemu/machine-files.ts';
import { QmpClient } from '../../../src/agent/vmm/qemu/qmp-client.ts';
import { statusSchema } from '../../../src/agent/vmm/qemu/qmp-messages.ts';
import { isAlive, type ProcessIdentity } from '../../../src/lib/process-identity.ts';
import { NoCapacityError, UnavailableError } from '../../../src/protocol/errors.ts';
import { requireRig } from './rig/kernel-snapshot.ts';
import { commandLines, forever, MachineBench } from './rig/machine-bench.ts';

const IMAGES_DIR = process.env['IMAGES_DIR'] ?? '';
const ATTACH = fileURLToPath(new URL('rig/attach-machine.ts', import.meta.url));

function statusField(pid: number, name: string): string {
  return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

async function untilEnded(identity: ProcessIdentity): Promise<void> {
  while (isAlive(identity)) await sleep(20);
}

describe('machines in QEMU', function () {
  this.timeout(300_000);
  let image: MachineImage;
  let hypervisor: QemuHypervisor;
  let bench: MachineBench;
  let folder: string;

  before(async () => {
    requireRig();
    image = await readImage(IMAGES_DIR);
    folder = join('/tmp', `carapace-qemu-${process.pid}`);
    mkdirSync(folder);
    hypervisor = new QemuHypervisor({ probeMemory: join(folder, 'probe.json'), log: pino({ level: 'silent' }) });
    bench = new MachineBench(hypervisor, image);
    await hypervisor.prepare(image, forever);
  });

  after(async () => {
    await bench.dispose();
    execFileSync('rm', ['-r', folder]);
  });

  /** No process of a machine that failed or was ended is left. */
  function assertGone(spec: MachineSpec): void {
    assert.deepEqual(bench.processesOf(spec), []);
  }

  async function refuses(spec: MachineSpec, expected: RegExp, kind = UnavailableError as ErrorClass): Promise<void> {
    await assert.rejects(bench.boot(spec), (error: Error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, expected);
      return true;
    });
    assertGone(spec);
    assert.deepEqual(readdirSync(spec.folder), []);
  }

  type ErrorClass = typeof UnavailableError | typeof NoCapacityError;

  /** The image with one file that is another one. */
  function imageWith(part: 'kernel' | 'initramfs', content: Buffer): MachineImage {
    const path = join(folder, part);
    writeFileSync(path, content);
    const file = { ...image.manifest[part], bytes: content.length };
    return { ...image, [part]: path, manifest: { ...image.manifest, [part]: file } };
  }

  it('says which QEMU it is, and what a snapshot depends on', () => {
    assert.match(hypervisor.versions()['qemu'] ?? '', /^\d+\.\d+/);
    const kind = hypervisor.accelerated ? 'kvm' : 'tcg';
    assert.match(hypervisor.fingerprint(), new RegExp(`^qemu-${kind}-[0-9a-f]{16}$`));
  });

  it('remembers whether KVM works', async () => {
    const again = new QemuHypervisor({ probeMemory: join(folder, 'probe.json'), log: pino({ level: 'silent' }) });
    // A probe would be interrupted and fail.
    await again.prepare(image, AbortSignal.timeout(5_000));
    assert.equal(again.accelerated, hypervisor.accelerated);
    assert.equal(again.fingerprint(), hypervisor.fingerprint());
  });

  describe('once it has booted', () => {
    let first: Machine;
    let spec: MachineSpec;
    const template = { folder: '' };

    before(async () => {
      template.folder = join(folder, 'template');
      mkdirSync(template.folder);
      spec = await bench.spec();
      first = await bench.boot(spec);
      await bench.ask(first, { op: 'sync' });
      await bench.waitForServers(spec);
    });

    it('runs in a session and a network of its own, without rights', () => {
      const { pid } = first.process;
      const uid = String(2_000_000_000 + spec.link.slot);
      assert.equal(statusField(pid, 'Uid'), [uid, uid, uid, uid].join('\t'));
      assert.equal(statusField(pid, 'Groups').trim(), uid);
      assert.equal(statusField(pid, 'CapEff'), '0000000000000000');
      assert.equal(statusField(pid, 'NoNewPrivs'), '1');
      assert.equal(statusField(pid, 'Seccomp'), '2');
      assert.equal(readlinkSync(`/proc/${pid}/root`), machineFiles(spec.folder).root);
      assert.deepEqual(readdirSync(`/proc/${pid}/root/`), []);
      assert.equal(statSync(`/proc/${pid}/ns/net`).ino, statSync(spec.link.namespace).ino);
      const [, session] = /\) \S+ \d+ \d+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
      assert.equal(Number(session), pid);
    });

    it('is snapshotted, and stays paused until it is resumed', async () => {
      await first.snapshot(template, forever);
      assert.deepEqual(readdirSync(template.folder).sort(), ['memory', 'state']);
      assert.equal(statSync(join(template.folder, 'memory')).size, spec.size.memoryMb * 1024 ** 2);
      assert.ok(statSync(join(template.folder, 'state')).size < 1024 ** 2, 'the memory is not in the stream');
      assert.equal(await statusOf(spec), 'postmigrate');
      // What the copies start from.
      copyFileSync(spec.disk, join(folder, 'template.raw'));
      await first.resume(forever);
      assert.equal(await statusOf(spec), 'running');
      assert.equal((await bench.ask(first, { op: 'status' })).ok, true);
    });

    it('is snapshotted again over a snapshot', async () => {
      await first.snapshot(template, forever);
      copyFileSync(spec.disk, join(folder, 'template.raw'));
      assert.deepEqual(readdirSync(template.folder).sort(), ['memory', 'state']);
    });

    it('has bounds on its two disks together, which hold', async () => {
      // While a boot is watched, the monitor is taken.
      await first.consoleTail();
      const path = '/objects/disk-limits';
      const monitor = await QmpClient.connect(machineFiles(spec.folder).monitor, { signal: forever });
      const limits = await monitor.execute('qom-get', z.record(z.string(), z.number()), { path, property: 'limits' });
      for (const [name, limit] of Object.entries(DISK_LIMITS)) assert.equal(limits[name], limit, name);

      const readBoth = async (): Promise<number> => {
        const begun = performance.now();
        for (const disk of ['system', 'own']) {
          const command = { 'command-line': `qemu-io ${disk} "read 0 1M"` };
          await monitor.execute('human-monitor-command', z.string(), command);
        }
        return performance.now() - begun;
      };
      const fast = await readBoth();
      const slow = { ...DISK_LIMITS, 'bps-total': 512 * 1024, 'bps-total-max': 0, 'bps-total-max-length': 1 };
      await monitor.execute('qom-set', z.object({}), { path, property: 'limits', value: slow });
      // The second has to wait two seconds for what the first has taken.
      assert.ok((await readBoth()) > fast + 1_000);
      await monitor.close();
    });

    it('leaves no process when it is killed, and can be killed again', async () => {
      await first.kill();
      assertGone(spec);
      assert.equal(isAlive(first.process), false);
      await first.kill();
      assert.equal(await first.consoleTail(), '');
    });

    it('comes back in several copies at once, which share what they do not change', async () => {
      const hash = hashOf(join(template.folder, 'memory'));
      const specs = await Promise.all([1, 2, 3].map(() => bench.spec({}, join(folder, 'template.raw'))));
      const copies = await Promise.all(specs.map((each) => bench.restore(each, template)));
      for (const [index, copy] of copies.entries()) {
        await bench.waitForServers(specs[index]!);
        assert.equal((await bench.ask(copy, { op: 'status' })).ok, true);
      }
      assert.equal(hashOf(join(template.folder, 'memory')), hash, 'the copies do not write to the snapshot');
      for (const { process } of copies) assert.ok(statusMb(process.pid, 'RssFile') > 10, 'pages are shared');
      for (const copy of copies) await copy.kill();
      for (const each of specs) assertGone(each);
    });

    it('is taken over, asked and ended by a process that was started later', async () => {
      const { spec: own, machine } = await copy();
      assert.equal(attachFrom(own, machine), 'answered');
      await untilEnded(machine.process);
      assert.equal(attachFrom(own, machine), 'gone');
      assertGone(own);
    });

    it('cannot be snapshotted as a copy, and says so', async () => {
      const { machine } = await copy();
      const other = join(folder, 'other');
      mkdirSync(other);
      await assert.rejects(machine.snapshot({ folder: other }, forever), {
        name: 'UnavailableError',
        message: /booted/,
      });
      await machine.kill();
    });

    it('fails in what is asked of it once QEMU was killed from outside', async () => {
      const { spec: own, machine } = await copy();
      process.kill(machine.process.pid, 'SIGKILL');
      await untilEnded(machine.process);
      const failed = { name: 'UnavailableError', message: /could not be snapshotted/ };
      await assert.rejects(machine.snapshot(template, forever), failed);
      await assert.rejects(machine.resume(forever), UnavailableError);
      assert.equal(await machine.consoleTail(), '');
      assert.equal(hypervisor.attach(own.name, own.folder, machine.process), undefined);
      await machine.kill();
      assertGone(own);
    });

    it('refuses a snapshot whose memory has another size, or is missing', async () => {
      const broken = brokenTemplate();
      truncateSync(join(broken.folder, 'memory'), 1024 ** 2);
      await refusesCopy(broken, /has 1048576 bytes/);
      assert.equal(statSync(join(broken.folder, 'memory')).size, 1024 ** 2);
      execFileSync('rm', [join(broken.folder, 'memory')]);
      await refusesCopy(broken, /is missing/);
    });

    it('refuses a snapshot whose state is missing, cut off, or something else', async () => {
      const broken = brokenTemplate();
      const state = join(broken.folder, 'state');
      truncateSync(state, 20_000);
      await refusesCopy(broken, /could not be started: /);
      writeFileSync(state, Buffer.alloc(50_000, 'x'));
      await refusesCopy(broken, /could not be started: /);
      execFileSync('rm', [state]);
      await refusesCopy(broken, /cannot be read/);
    });

    it('stops at any moment of a restore, with nothing left', async () => {
      await stopsAtAnyMoment(
        () => bench.spec({}, join(folder, 'template.raw')),
        (own, signal) => bench.restore(own, template, signal),
      );
    });

    async function copy(): Promise<{ spec: MachineSpec; machine: Machine }> {
      const own = await bench.spec({}, join(folder, 'template.raw'));
      return { spec: own, machine: await bench.restore(own, template) };
    }

    async function refusesCopy(broken: { folder: string }, expected: RegExp): Promise<void> {
      const own = await bench.spec({}, join(folder, 'template.raw'));
      await assert.rejects(bench.restore(own, broken), { name: 'UnavailableError', message: expected });
      assertGone(own);
      assert.deepEqual(readdirSync(own.folder), []);
    }

    function brokenTemplate(): { folder: string } {
      const broken = { folder: join(folder, 'broken') };
      execFileSync('rm', ['-rf', broken.folder]);
      execFileSync('cp', ['-r', '--sparse=always', template.folder, broken.folder]);
      return broken;
    }
  });

  it('tells what a machine said whose boot fails, and ends it', async () => {
    const spec = await bench.spec();
    writeFileSync(spec.disk, Buffer.alloc(1024 ** 2));
    const machine = await bench.boot(spec);
    await untilEnded(machine.process);
    assert.match(await machine.consoleTail(), /the seat cannot start: .*vdb/);
    assertGone(spec);
  });

  it('tells how the kernel crashed', async () => {
    const spec = await bench.spec({ image: imageWith('initramfs', Buffer.alloc(4096)) });
    const machine = await bench.boot(spec);
    await untilEnded(machine.process);
    assert.match(await machine.consoleTail(), /Kernel panic/);
    assertGone(spec);
  });

  it('refuses a kernel that is none', async () => {
    await refuses(
      await bench.spec({ image: imageWith('kernel', Buffer.alloc(100_000)) }),
      /could not be started: QEMU/,
    );
  });

  it('names each file that is missing or cut off', async () => {
    const spec = await bench.spec({ image: { ...image, kernel: '/no/kernel', rootfs: join(folder, 'probe.json') } });
    await refuses(spec, /\/no\/kernel is missing.*; .*probe\.json has \d+ bytes instead of/);
    const faults = hypervisor.prepare(spec.image, forever);
    await assert.rejects(faults, { name: 'UnavailableError', message: /\/no\/kernel is missing/ });
  });

  it('names a disk that is missing', async () => {
    await refuses(await bench.spec({ disk: '/no/disk.raw' }), /the machine's disk \/no\/disk\.raw is missing/);
  });

  it('names a network namespace that is missing', async () => {
    const spec = await bench.spec();
    const link = { ...spec.link, namespace: '/run/netns/none' };
    await refuses({ ...spec, link }, /the network namespace \/run\/netns\/none is missing/);
  });

  it('names a TAP device that is missing, and makes none', async () => {
    const spec = await bench.spec();
    execFileSync('ip', ['-n', spec.name, 'link', 'delete', 'tap0']);
    await refuses(spec, /the TAP device tap0 is missing/);
    assert.doesNotMatch(execFileSync('ip', ['-n', spec.name, 'link'], { encoding: 'utf8' }), /tap0/);
  });

  it('tells QEMU’s reason for a disk that another machine has', async () => {
    const spec = await bench.spec();
    const machine = await bench.boot(spec);
    await refuses(await bench.spec({ disk: spec.disk }), /could not be started: QEMU ended .*lock/s);
    await machine.kill();
  });

  it('refuses more memory than the worker has', async () => {
    const size = { vcpus: 1, memoryMb: 4 * 1024 ** 2, diskMb: 64 };
    await refuses(await bench.spec({ size }), /needs 4194304 MiB of memory; this worker has \d+ left/, NoCapacityError);
  });

  it('tells how the confining program failed', async () => {
    const wrap = () => ['/bin/sh', '-c', 'echo no room >&2; exit 3'] as const;
    await refuses(await bench.spec({ confinement: { wrap } }), /QEMU ended with exit code 3: no room/);
    const missing = () => ['/no/program'] as const;
    await refuses(await bench.spec({ confinement: { wrap: missing } }), /\/no\/program could not be started/);
  });

  it('stops at any moment of a boot, with nothing left', async () => {
    await stopsAtAnyMoment(
      () => bench.spec(),
      (spec, signal) => bench.boot(spec, signal),
    );
  });

  describe('the probe', () => {
    const software = { kind: 'tcg', kiloHertz: undefined } as const;
    const program = '/usr/bin/qemu-system-x86_64';

    function probing(): string[] {
      return [...commandLines().values()].filter((line) => line.includes('carapace-probe'));
    }

    afterEach(() => assert.deepEqual(probing(), []));

    it('sees a kernel that starts', async () => {
      const speed = Number(/^cpu MHz\s*: (.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]) * 1000;
      const acceleration = { kind: 'tcg', kiloHertz: Math.round(speed) } as const;
      assert.deepEqual(await probe({ program, image, acceleration, signal: forever, deadlineMs: 120_000 }), {
        works: true,
      });
    });

    it('gives up a machine that hangs', async () => {
      const result = await probe({ program, image, acceleration: software, signal: forever, deadlineMs: 300 });
      assert.deepEqual(result, {
        works: false,
        reason: 'a machine that was started with it hung for 0.3 s',
        hung: true,
      });
    });

    it('tells why a machine ends at once', async () => {
      const broken = { kernel: '/no/kernel', initramfs: image.initramfs };
      const result = await probe({ program, image: broken, acceleration: software, signal: forever });
      assert.match(result.works ? '' : result.reason, /ended at once: .*\/no\/kernel/s);
    });

    it('ends with the signal’s reason', async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 200);
      await assert.rejects(probe({ program, image, acceleration: software, signal: controller.signal }), /enough/);
    });
  });

  async function stopsAtAnyMoment(
    make: () => Promise<MachineSpec>,
    start: (spec: MachineSpec, signal: AbortSignal) => Promise<Machine>,
  ): Promise<void> {
    const stopped: number[] = [];
    for (const milliseconds of [1, 10, 30, 60]) {
      const spec = await make();
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(new Error('enough')), milliseconds);
      try {
        await (await start(spec, controller.signal)).kill();
      } catch (error) {
        assert.match(String(error), /enough/);
        stopped.push(milliseconds);
      }
      clearTimeout(timer);
      assertGone(spec);
    }
    // How far it has come by the later ones is the machine's affair.
    assert.equal(stopped[0], 1);
  }

  function statusMb(pid: number, name: string): number {
    return parseInt(statusField(pid, name)) / 1024;
  }

  async function statusOf(spec: MachineSpec): Promise<string> {
    const monitor = await QmpClient.connect(machineFiles(spec.folder).monitor, { signal: forever });
    try {
      return (await monitor.execute('query-status', statusSchema)).status;
    } finally {
      await monitor.close();
    }
  }

  function attachFrom(spec: MachineSpec, machine: Machine): string {
    const { pid, start_time: startTime } = machine.process;
    return execFileSync(process.execPath, [ATTACH, spec.folder, String(pid), startTime], { encoding: 'utf8' });
  }
});
