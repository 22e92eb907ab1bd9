/**
 * Finds out whether machines can run on the processor itself. /dev/kvm alone does not tell: there are hosts where it is
 * there, opens, and a machine hangs in it for ever. So a kernel is really started, with a deadline.
 */
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { MachineImage } from '../machine/image.ts';
import { plainText } from './console.ts';
import { PROBE_ANSWER, probeArguments, type Acceleration } from './command-line.ts';

/** With KVM it takes a second. */
const PROBE_MS = 10_000;

/** The most that is kept of what the probe says. */
const OUTPUT_TAIL = 2_000;

/** `reason` says why it does not work, as the end of a sentence. */
export type ProbeResult =
  { readonly works: true } | { readonly works: false; readonly reason: string; readonly hung: boolean };

function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (part: string) => (text = (text + part).slice(-OUTPUT_TAIL)));
  return () => text;
}

export interface ProbeOptions {
  readonly program: string;
  readonly image: Pick<MachineImage, 'kernel' | 'initramfs'>;
  readonly acceleration: Acceleration;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
}

/** Starts a kernel and waits for its answer. It has ended when this returns. @throws the signal's reason */
export async function probe(options: ProbeOptions): Promise<ProbeResult> {
  const { program, image, acceleration, signal, deadlineMs = PROBE_MS } = options;
  signal.throwIfAborted();
  // It must not outlive this process, which may be killed while it hangs.
  const command = [
    '--pdeathsig',
    'KILL',
    '--',
    program,
    ...probeArguments(acceleration, image.kernel, image.initramfs),
  ];
  const late = AbortSignal.timeout(deadlineMs);
  const child = spawn('setpriv', command, {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    signal: AbortSignal.any([signal, late]),
  });
  const said = collect(child.stdout);
  const complained = collect(child.stderr);
  child.on('error', () => undefined);
  await new Promise((resolve) => child.once('close', resolve));
  signal.throwIfAborted();
  if (said().includes(PROBE_ANSWER)) return { works: true };
  if (late.aborted)
    return { works: false, reason: `a machine that was started with it hung for ${deadlineMs / 1000} s`, hung: true };
  const words = plainText(complained() || said()).trim();
  return {
    works: false,
    hung: false,
    reason: `a machine that was started with it ended at once${words === '' ? '' : `: ${words}`}`,
  };
}

/** Probes KVM where there is any. @throws the signal's reason */
export async function probeKvm(options: Omit<ProbeOptions, 'acceleration'>): Promise<ProbeResult> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return { works: false, reason: 'there is no /dev/kvm that can be opened', hung: false };
  }
  return probe({ ...options, acceleration: { kind: 'kvm' } });
}
