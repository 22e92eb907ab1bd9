/**
 * Whether machines run on the processor here. `/dev/kvm` can be there, open, and still run no kernel; so a tiny machine
 * is started that says one line and ends.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { MachineImage } from '../machine/image.ts';
import { endingInWords } from './faults.ts';
import { ENVIRONMENT } from './process.ts';
import { KERNEL_ARGUMENTS } from './sequence.ts';

/** With KVM it takes well under a second. */
export const PROBE_MS = 10_000;

/** Tells the initramfs to say {@link PROBE_ANSWER} and to end the machine. */
const PROBE_ARGUMENT = 'carapace.probe';
const PROBE_ANSWER = 'carapace-probe-ok';

const MEMORY_MB = 128;

/** The most that is read of the console. */
const CONSOLE_LIMIT = 64 * 1024;

function configuration(image: MachineImage): string {
  return JSON.stringify({
    'machine-config': { vcpu_count: 1, mem_size_mib: MEMORY_MB, smt: false },
    'boot-source': {
      kernel_image_path: image.kernel,
      initrd_path: image.initramfs,
      boot_args: `${KERNEL_ARGUMENTS} ${PROBE_ARGUMENT}`,
    },
    drives: [],
  });
}

interface Ending {
  readonly console: string;
  /** Why it ended, in words; undefined where it was ended for its answer. */
  readonly how: string;
}

/** Runs the tiny machine until it has answered, has ended, or is ended. */
function runMachine(program: string, configurationPath: string, signal: AbortSignal): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const parameters = ['--no-api', '--config-file', configurationPath, '--id', 'carapace-probe'];
    const child = spawn(program, parameters, {
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'ignore'],
      signal,
      killSignal: 'SIGKILL',
    });
    let console = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (console.length < CONSOLE_LIMIT) console += text;
      if (console.includes(PROBE_ANSWER)) child.kill('SIGKILL');
    });
    child.once('error', (error) => {
      if (error.name !== 'AbortError') reject(error);
    });
    child.once('close', (code, endSignal) => resolve({ console, how: endingInWords(code, endSignal) }));
  });
}

/** @throws UnavailableError with the reason why machines do not run here */
export async function probeKvm(
  program: string,
  image: MachineImage,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'carapace-probe-'));
  const deadline = AbortSignal.timeout(limitMs);
  try {
    const path = join(folder, 'machine.json');
    await writeFile(path, configuration(image), { mode: 0o600 });
    const { console, how } = await runMachine(program, path, AbortSignal.any([signal, deadline]));
    if (console.includes(PROBE_ANSWER)) return;
    signal.throwIfAborted();
    const reason = deadline.aborted ? `it did not start within ${limitMs / 1000} s` : how;
    throw new UnavailableError(
      `/dev/kvm is there, but a small machine did not run on it: ${reason}. ` +
        'Enable nested virtualization, or use the runtime "qemu".',
      { console: console.slice(-2_000) },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
