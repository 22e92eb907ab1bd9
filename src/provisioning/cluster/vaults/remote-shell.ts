/** Commands on the server, over the SSH entry that SkyPilot wrote for it. */
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';

const DEFAULT_DEADLINE_MS = 60_000;
const CONNECT_SECONDS = 5;
/** How long an editor would wait before it says that the server does not answer. */
const CHECK_CONNECT_SECONDS = 2;
/** The connect of a check, and logging in after it. */
const CHECK_DEADLINE_MS = 8_000;
const KILL_AFTER_MS = 2_000;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
/** With this `ssh` itself failed, not the command. */
const EXIT_NO_CONNECTION = 255;

/** What is asked of one command. */
export interface RemoteOptions {
  /** What the command reads; without it, nothing. */
  readonly input?: Readable | string | undefined;
  /** Takes what the command writes, piece by piece; `stdout` of the answer is empty then. It is ended or destroyed. */
  readonly output?: Writable | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds for all of it; 60,000 where absent. */
  readonly deadlineMs?: number | undefined;
}

/** How a command ended. */
export interface RemoteAnswer {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs commands on the server, each in a shell of the server's user; `command` is a POSIX shell's text. */
export interface RemoteShell {
  /** @throws UnavailableError where the server cannot be reached, TimedOutError, and the signal's reason */
  run(command: string, options: RemoteOptions): Promise<RemoteAnswer>;
}

/** One argument of a shell command, quoted. */
export function quote(argument: string): string {
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

/**
 * The server behind an alias of the SSH configuration. It asks for no password and makes no terminal, so SkyPilot does not
 * count it as use of the server (`sky/skylet/autostop_lib.py` counts sessions that have a terminal).
 * @param environment of `ssh`; it reads the configuration in the user's home folder whatever HOME says
 */
export function sshShell(host: string, environment: Readonly<Record<string, string>>): RemoteShell {
  const options = [`ConnectTimeout=${CONNECT_SECONDS}`, 'ServerAliveInterval=5', 'ServerAliveCountMax=3'];
  return {
    run: async (command, request) => {
      const answer = await runProgram('ssh', sshArguments(host, command, options), environment, request);
      if (answer.exitCode !== EXIT_NO_CONNECTION) return answer;
      throw new UnavailableError(`The server ${host} cannot be reached by SSH${because(answer.stderr)}.`);
    },
  };
}

function sshArguments(host: string, command: string, options: readonly string[]): string[] {
  const all = ['BatchMode=yes', 'LogLevel=ERROR', ...options];
  return ['-T', ...all.flatMap((option) => ['-o', option]), '--', host, command];
}

/** The last line that a program complained with, as the end of a sentence. */
function because(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${line.replace(/\.$/, '')}`;
}

/**
 * Runs a program to its end. The signal and the deadline end it with all that it holds open.
 * @throws UnavailableError where it cannot be started, TimedOutError, and the signal's reason
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  request: RemoteOptions,
): Promise<RemoteAnswer> {
  request.signal.throwIfAborted();
  const { input, output, deadlineMs = DEFAULT_DEADLINE_MS } = request;
  const late = AbortSignal.timeout(deadlineMs);
  const signal = AbortSignal.any([request.signal, late]);
  const subprocess = execa(program, args, {
    env: environment,
    extendEnv: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    reject: false,
    cancelSignal: signal,
    forceKillAfterDelay: KILL_AFTER_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    buffer: { stdout: output === undefined, stderr: true },
    ...(typeof input === 'string' && { input }),
    ...(typeof input === 'object' && { stdin: ['pipe', input] }),
    ...(input === undefined && { stdin: 'ignore' }),
    ...(output !== undefined && { stdout: ['pipe', output] }),
  });
  // What it has started may live on and hold them open.
  const letGo = (): void => {
    for (const stream of [subprocess.stdout, subprocess.stderr, output]) stream?.destroy();
  };
  signal.addEventListener('abort', letGo, { once: true });
  const result = await subprocess;
  signal.removeEventListener('abort', letGo);
  // Where it did not start, nothing has ended it.
  if (output?.writableEnded === false) output.destroy();
  request.signal.throwIfAborted();
  if (late.aborted && result.isCanceled) {
    throw new TimedOutError(`The server did not answer within ${deadlineMs / 1000} s.`);
  }
  if (output?.errored) throw output.errored;
  const stderr = Buffer.from(result.stderr).toString();
  if (result.exitCode === undefined) {
    throw new UnavailableError(`"${program}" did not run to its end: ${result.shortMessage ?? because(stderr)}.`);
  }
  return { exitCode: result.exitCode, stdout: Buffer.from(result.stdout ?? ''), stderr };
}

/**
 * Checks that the alias leads somewhere and that the server answers there within 2 s.
 * @throws UnavailableError with what is missing and what to do
 */
export async function checkSsh(
  host: string,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const request = { signal, deadlineMs: CHECK_DEADLINE_MS };
  const shown = await runProgram('ssh', ['-G', '--', host], environment, request);
  if (shown.exitCode !== 0) {
    throw new UnavailableError(
      `The SSH configuration cannot be read${because(shown.stderr)}. Correct it and try again.`,
    );
  }
  const address = /^hostname (.+)$/m.exec(shown.stdout.toString())?.[1];
  if (address === undefined || address === host) {
    throw new UnavailableError(
      `The SSH configuration has no entry for ${host}. Its first lines must include ~/.sky/generated/ssh/*; start the server again to have SkyPilot write it.`,
    );
  }
  const tried = await runProgram(
    'ssh',
    sshArguments(host, 'true', [`ConnectTimeout=${CHECK_CONNECT_SECONDS}`]),
    environment,
    request,
  );
  if (tried.exitCode === 0) return;
  throw new UnavailableError(
    `The server ${host} (${address}) does not let SSH in${because(tried.stderr)}. Check that it is running and that this network lets SSH through.`,
  );
}
