/** A machine from the image, started by a QEMU command of its own: no network but QEMU's, no driver, no limits. */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readImage, type MachineImage } from '../../../src/agent/vmm/machine/image.ts';
import { askSeat, type SeatQuestion } from '../../../src/agent/vmm/machine/seat-channel.ts';
import { GUEST } from '../../../src/agent/network/seat-network.ts';
import { imagesFolder } from '../../../src/lib/machine-image.ts';
import type { ExecResult } from '../../../src/protocol/files.ts';
import { SEAT_CHANNEL, type SeatAnswer } from '../../../src/protocol/seat-init.ts';
import { freePort } from '../../support/free-port.ts';

const run = promisify(execFile);

/** Machines are emulated here, while other tests run. */
const DEADLINE_MS = 180_000;
const MEMORY_MB = 384;

export interface PlainMachineOptions {
  /** More of the kernel's command line. */
  readonly append?: string;
  /** Files of the seat, by their paths in it, that are on its disk from the start. */
  readonly files?: string;
  readonly withoutDisk?: boolean;
}

/** What this machine's clock counts in a millisecond: without it the emulated kernel hangs while it measures that. */
function kiloHertz(): number {
  const speed = /^cpu MHz\s*: ([\d.]+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  return Math.round(Number(speed ?? '2000') * 1000);
}

export class PlainMachine {
  readonly folder = mkdtempSync(join(tmpdir(), 'carapace-plain-machine-'));
  #process: ChildProcess | undefined;
  #filesPort = 0;

  async start(options: PlainMachineOptions = {}): Promise<this> {
    const image = await readImage(imagesFolder());
    const files = options.files ?? join(this.folder, 'nothing');
    mkdirSync(files, { recursive: true });
    if (options.withoutDisk !== true) await run('mkfs.ext4', ['-q', '-d', files, this.#path('disk.raw'), '1g']);
    this.#filesPort = await freePort();
    this.#process = spawn('qemu-system-x86_64', this.#arguments(image, options), { stdio: 'inherit' });
    await once(this.#process, 'spawn');
    return this;
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  #arguments(image: MachineImage, options: PlainMachineOptions): string[] {
    const words = ['console=ttyS0', 'reboot=t', 'panic=-1', `tsc_early_khz=${kiloHertz()}`, 'quiet', 'loglevel=1'];
    const disk = (path: string, more: string) => [
      ...['-drive', `if=none,format=raw,file=${path},${more}`],
      ...['-device', `virtio-blk-device,drive=${/id=(\w+)/.exec(more)?.[1] ?? ''}`],
    ];
    const forward = `hostfwd=tcp:127.0.0.1:${this.#filesPort}-${GUEST.address}:3002`;
    return [
      ...['-M', 'microvm,acpi=on', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '1', '-m', `${MEMORY_MB}`],
      ...[
        '-nodefaults',
        '-no-user-config',
        '-display',
        'none',
        '-no-reboot',
        '-serial',
        `file:${this.#path('console')}`,
      ],
      ...['-kernel', image.kernel, '-initrd', image.initramfs, '-append', [...words, options.append ?? ''].join(' ')],
      ...disk(image.rootfs, 'id=system,readonly=on'),
      ...(options.withoutDisk === true ? [] : disk(this.#path('disk.raw'), 'id=own')),
      ...['-netdev', `user,id=net,net=172.16.0.0/24,host=${GUEST.gateway},dns=172.16.0.3,${forward}`],
      ...['-device', `virtio-net-device,netdev=net,mac=${GUEST.mac}`, '-device', 'virtio-rng-device'],
      ...['-chardev', `socket,id=channel,path=${this.#path('channel')},server=on,wait=off`],
      ...['-device', 'virtio-serial-device'],
      ...['-device', `virtserialport,chardev=channel,name=${SEAT_CHANNEL.serialPort}`],
    ];
  }

  get channelPath(): string {
    return this.#path('channel');
  }

  /** All that it wrote to its console. */
  console(): string {
    try {
      return readFileSync(this.#path('console'), 'utf8').replaceAll('\r', '');
    } catch {
      return '';
    }
  }

  ask(question: SeatQuestion): Promise<SeatAnswer> {
    const address = { kind: 'serial', socketPath: this.channelPath } as const;
    return askSeat(address, () => question, { deadlineMs: DEADLINE_MS, signal: new AbortController().signal });
  }

  /** Waits for something, as long as the machine runs. */
  async until(what: string, ask: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    while (!(await ask())) {
      assert.equal(this.#process?.exitCode, null, `the machine ended before ${what}; its console: ${this.console()}`);
      assert.ok(Date.now() < deadline, `waited in vain until ${what}; the console: ${this.console()}`);
      await sleep(200);
    }
  }

  /** Whether the server that runs commands and serves files answers. */
  async answers(): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#filesPort}/health`, { signal: AbortSignal.timeout(5_000) });
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** Runs a command line as the learner; what it wrote, without the last line's end. */
  async sh(command: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#filesPort}/exec`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ command }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const result = (await response.json()) as ExecResult;
    assert.equal(result.exit_code, 0, JSON.stringify(result));
    return result.stdout.trimEnd();
  }

  /** Waits until it has ended by itself. */
  async ended(): Promise<void> {
    const child = this.#process;
    assert.ok(child);
    if (child.exitCode !== null) return;
    await once(child, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) });
  }

  async remove(): Promise<void> {
    const child = this.#process;
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
