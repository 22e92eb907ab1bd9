/** Running a command to its end: with a deadline, without stdin, and without a child that outlives it. */
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';

/** How long a process may take to end by itself once it was asked to. */
const GRACE_MS = 3_000;
/** How long its output is waited for once it has ended: something that it left running may hold the pipe for hours. */
const OUTPUT_GRACE_MS = 1_000;

export interface Run {
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** Told as they come, without line ends. */
  readonly onLine?: (line: string) => void;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command in the user's home folder. On abort and at the deadline its process group is ended and waited for.
 * @throws the signal's reason; TimedOutError; UnavailableError where it cannot be started or a signal ended it
 */
export async function run(file: string, args: readonly string[], options: Run): Promise<Ran> {
  const { environment, signal, deadlineMs, onLine } = options;
  signal.throwIfAborted();
  const home = environment['HOME'];
  const child = execa(file, args, {
    ...(home !== undefined && { cwd: home }),
    env: { ...environment },
    extendEnv: false,
    stdin: 'ignore',
    buffer: false,
    reject: false,
    killDescendants: true,
    forceKillAfterDelay: GRACE_MS,
    timeout: deadlineMs,
    cancelSignal: signal,
  });
  const stdout = collect(child.stdout, onLine);
  const stderr = collect(child.stderr, onLine);
  let timer: NodeJS.Timeout | undefined;
  child.nodeChildProcess.once('exit', () => {
    timer = setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
    }, OUTPUT_GRACE_MS);
  });
  const result = await child.finally(() => clearTimeout(timer));
  signal.throwIfAborted();
  const command = [file.split('/').at(-1), ...args].join(' ');
  if (result.timedOut) throw new TimedOutError(`"${command}" did not end within ${deadlineMs / 1000} s.`);
  if (result.exitCode === undefined) {
    throw new UnavailableError(`"${command}" could not be run: ${result.shortMessage ?? 'it was ended'}.`);
  }
  return { exitCode: result.exitCode, stdout: stdout(), stderr: stderr() };
}

/** Gathers the text of a stream, and tells its lines. */
function collect(stream: Readable, onLine: ((line: string) => void) | undefined): () => string {
  let text = '';
  let told = 0;
  const tell = (): void => {
    for (let end = text.indexOf('\n', told); end !== -1; end = text.indexOf('\n', told)) {
      onLine?.(text.slice(told, end));
      told = end + 1;
    }
  };
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => {
    text += piece;
    tell();
  });
  stream.on('error', () => undefined);
  return () => text;
}
