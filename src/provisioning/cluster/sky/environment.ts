/** The environment of the user's login shell: an editor started from the dock has neither its PATH nor its AWS_PROFILE. */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { cleanEnvironment } from '../../../lib/child-environment.ts';
import { Coalesced } from './coalesced.ts';
import { run } from './process.ts';

/** A set of environment variables. */
export type Environment = Readonly<Record<string, string>>;

const SHELL_DEADLINE_MS = 10_000;
/** Answers within these milliseconds are the same; an operation that begins later resolves it anew. */
const KEEP_MS = 3_000;
/** What tells of the shell that was asked, not of the user. */
const OF_THE_SHELL = new Set(['_', 'SHLVL', 'PWD', 'OLDPWD']);

export interface LoginEnvironmentOptions {
  /** Told in a sentence when the shell did not answer and this process's own environment serves instead. */
  readonly warn?: (message: string) => void;
  /** Where the shell is looked up and what it is started with; this process's environment otherwise. */
  readonly base?: NodeJS.ProcessEnv;
}

/** Resolves the login shell's environment; callers within a few seconds share one shell. */
export class LoginEnvironment {
  readonly #options: LoginEnvironmentOptions;
  readonly #shared = new Coalesced<Environment>({ keepMs: KEEP_MS });

  constructor(options: LoginEnvironmentOptions = {}) {
    this.#options = options;
  }

  /** The login shell's environment, or this process's own without what an editor put there. */
  resolve(signal: AbortSignal): Promise<Environment> {
    return this.#shared.run('', signal, (shared) => this.#ask(shared));
  }

  async #ask(signal: AbortSignal): Promise<Environment> {
    const base = cleanEnvironment(this.#options.base);
    const shell = loginShell(base);
    if (shell === undefined) return base;
    const marker = `carapace-${randomUUID()}`;
    try {
      const { stdout } = await run(shell, ['-ilc', `echo ${marker}; env -0; echo ${marker}`], {
        environment: base,
        signal,
        deadlineMs: SHELL_DEADLINE_MS,
      });
      return cleanEnvironment(variablesBetween(stdout, marker));
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      this.#options.warn?.(
        `The login shell ${shell} did not tell its environment, so SkyPilot runs in the editor's own: ${why}`,
      );
      return base;
    }
  }
}

/** The user's shell; undefined on Windows, which has none that SkyPilot runs in. */
function loginShell(base: Environment): string | undefined {
  if (process.platform === 'win32') return undefined;
  const named = base['SHELL'];
  if (named !== undefined && named !== '') return named;
  const { shell } = userInfo();
  return shell === null || shell === '' ? '/bin/sh' : shell;
}

/**
 * The variables that `env -0` printed between two lines of `marker`; start-up files may print before and after.
 * @throws Error where they are not there
 */
export function variablesBetween(output: string, marker: string): Record<string, string> {
  const [, between] = output.split(`${marker}\n`);
  const variables: Record<string, string> = {};
  for (const entry of between?.split('\0') ?? []) {
    const [name = ''] = entry.split('=', 1);
    if (/^[A-Za-z_]\w*$/.test(name) && entry.length > name.length && !OF_THE_SHELL.has(name)) {
      variables[name] = entry.slice(name.length + 1);
    }
  }
  if (variables['PATH'] === undefined) throw new Error('it printed no variables.');
  return variables;
}
