/** Runs the programs that change the kernel's network: with a deadline, and with errors that say what to do. */
import { execFile } from 'node:child_process';
import { findProgram, systemPath } from '../../lib/find-program.ts';
import { TimedOutError, UnavailableError } from '../../protocol/errors.ts';

/** The programs, and the Debian package that each is in. */
const PACKAGE_OF = {
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  sysctl: 'procps',
} as const;

/** Those, and one that is only asked where it is there. */
export type Program = keyof typeof PACKAGE_OF | 'iptables-legacy';
export type CommandLine = readonly [Program, ...string[]];

export interface RunOptions {
  /** What the program reads: a batch of commands, one a line. */
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Each of them is done in milliseconds; a kernel that works at many namespaces at once may let one wait. */
const DEADLINE_MS = 20_000;

/** `nft list` of a worker with thousands of foreign rules. */
const MAX_OUTPUT_BYTES = 64 * 1_048_576;

const DENIED = /Operation not permitted|Permission denied|Read-only file system/;

/** @throws UnavailableError naming every program that is missing, and being root where this process is not */
export function requirePrograms(environment: NodeJS.ProcessEnv = process.env): void {
  const programs = Object.keys(PACKAGE_OF) as (keyof typeof PACKAGE_OF)[];
  const missing = programs.filter((program) => findProgram(program, environment) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((program) => PACKAGE_OF[program]))].join(' ');
    const what = `${missing.length === 1 ? 'the program' : 'the programs'} ${missing.join(', ')}`;
    throw new UnavailableError(`The network of seats needs ${what}, missing here: apt-get install ${packages}`);
  }
  if (process.geteuid?.() !== 0) {
    throw new UnavailableError(
      'The network of seats needs an agent that runs as root, which makes its bridge and namespaces.',
    );
  }
}

/** The command line that runs another one inside a network namespace, in this process's mounts. */
export function inNamespace(path: string, command: CommandLine): CommandLine {
  return ['nsenter', `--net=${path}`, '--', ...command];
}

/** The line of a batch that `ip -batch` and `tc -batch` name by its number at last: "Command failed -:3". */
function failedLine(errors: string, input: string | undefined): string | undefined {
  const number = /^Command failed -:(\d+)$/m.exec(errors)?.[1];
  return number === undefined ? undefined : input?.split('\n')[Number(number) - 1];
}

function explain(command: CommandLine, errors: string, input: string | undefined): UnavailableError {
  const line = failedLine(errors, input);
  const said = errors
    .replace(/^Command failed -:\d+$/m, '')
    .trim()
    .split('\n')
    .slice(0, 3)
    .join('; ')
    .slice(0, 500);
  const [program = 'ip'] = command.includes('--') ? command.slice(command.indexOf('--') + 1) : command;
  const what = line === undefined ? program : `${program} ${line}`;
  const advice = DENIED.test(errors)
    ? ' The agent has to be root with the capabilities NET_ADMIN and SYS_ADMIN, which containers usually lack.'
    : '';
  return new UnavailableError(`The network of seats could not be changed: "${what}" failed: ${said}.${advice}`, {
    command: command.join(' '),
  });
}

/**
 * Runs a program to its end and returns what it printed.
 * @throws UnavailableError with the program's own words; TimedOutError; the signal's reason
 */
export async function run(command: CommandLine, options: RunOptions = {}): Promise<string> {
  const [program, ...parameters] = command;
  const { input, signal } = options;
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const child = execFile(
      program,
      parameters,
      {
        // Nothing of this process's environment is theirs; their messages are read here.
        env: { PATH: systemPath(), LC_ALL: 'C' },
        maxBuffer: MAX_OUTPUT_BYTES,
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
        killSignal: 'SIGKILL',
      },
      (error, output, errors) => {
        if (error === null) resolve(output);
        else if (signal?.aborted === true) reject(signal.reason as Error);
        else if (deadline.aborted)
          reject(new TimedOutError(`"${command.join(' ')}" took more than ${DEADLINE_MS / 1_000} s.`));
        else reject(explain(command, errors === '' ? error.message : errors, input));
      },
    );
    // A program that ended before it read all says why by its exit code.
    child.stdin?.on('error', () => undefined).end(input ?? '');
  });
}

/** Several commands for one run of `ip` or `tc`. */
export function batch(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
