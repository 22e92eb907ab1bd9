/** Whether this machine's processor runs machines by itself (KVM). The device alone proves nothing: it may hang. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from './child-environment.ts';

export const KVM_DEVICE = '/dev/kvm';

/**
 * `denied`: the device is not for this user. `unproven`: nobody has tried it. `broken`: a machine that was started for
 * a try did not run. `works`: it ran.
 */
export type KvmState = 'absent' | 'denied' | 'unproven' | 'broken' | 'works';

/** As much as the device tells. */
export function kvmDevice(device = KVM_DEVICE): Extract<KvmState, 'absent' | 'denied' | 'unproven'> {
  if (!existsSync(device)) return 'absent';
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return 'unproven';
  } catch {
    return 'denied';
  }
}

/** What a try is made with. */
export interface KvmTrial {
  readonly program: 'qemu' | 'firecracker';
  /** Where that program is. */
  readonly path: string;
  readonly kernel: string;
  /** How long it may take, in milliseconds. */
  readonly limitMs?: number;
}

/** With KVM it takes less than a second. */
const TRIAL_MS = 8_000;
/** The kernel finds no root file system, panics and resets the machine, which ends the program. */
const BOOT_ARGUMENTS = 'console=ttyS0 reboot=t panic=-1';
/** No more than this is kept of what the machine says. */
const MAX_OUTPUT = 64 * 1024;

/** Boots a kernel without a root file system: where KVM works it gets as far as to miss that, and ends. */
export async function tryKvm(trial: KvmTrial, signal: AbortSignal): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'carapace-kvm-'));
  try {
    const words = trial.program === 'qemu' ? qemuWords(trial.kernel) : await firecrackerWords(trial.kernel, folder);
    const output = await outputOf(
      trial.path,
      words,
      AbortSignal.any([signal, AbortSignal.timeout(trial.limitMs ?? TRIAL_MS)]),
    );
    signal.throwIfAborted();
    return output?.includes('Linux version') === true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function qemuWords(kernel: string): string[] {
  const machine = ['-M', 'microvm,acpi=on', '-accel', 'kvm', '-cpu', 'host', '-smp', '1', '-m', '128'];
  const bare = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  return [...machine, ...bare, '-kernel', kernel, '-append', BOOT_ARGUMENTS];
}

async function firecrackerWords(kernel: string, folder: string): Promise<string[]> {
  const config = join(folder, 'machine.json');
  const machine = {
    'boot-source': { kernel_image_path: kernel, boot_args: BOOT_ARGUMENTS },
    'machine-config': { vcpu_count: 1, mem_size_mib: 128 },
    drives: [],
  };
  await writeFile(config, JSON.stringify(machine));
  return ['--no-api', '--config-file', config];
}

/** All that a program says; undefined where it cannot be run or did not end in time. It has ended then, too. */
function outputOf(program: string, words: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'ignore'] });
    const end = (): void => {
      child.kill('SIGKILL');
    };
    let output = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      if (output.length < MAX_OUTPUT) output += text;
    });
    child.once('error', () => resolve(undefined));
    child.once('close', (code) => {
      signal.removeEventListener('abort', end);
      resolve(code === null ? undefined : output);
    });
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
