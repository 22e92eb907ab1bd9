/** The user's own `sky` and `ssh`, asked beside the control plane: what they say is compared with what it says. */
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import * as z from 'zod/mini';
import { LoginEnvironment, type Environment } from '../../provisioning/cluster/sky/environment.ts';
import { run, type Ran } from '../../provisioning/cluster/sky/process.ts';
import { jsonAmongLines } from '../../provisioning/cluster/sky/text.ts';
import { Skipped } from './runner.ts';

/** SkyPilot's server may have to start first. */
const STATUS_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 5 * 60_000;
const SSH_DEADLINE_MS = 60_000;

/** A line of `sky status`. */
const skyRowSchema = z.object({
  name: z.string(),
  status: z.string(),
  cluster_hash: z.optional(z.nullable(z.string())),
});
export type SkyRow = z.infer<typeof skyRowSchema>;

export class Programs {
  /** The login shell's. */
  readonly environment: Environment;
  readonly #sky: string | undefined;

  private constructor(environment: Environment, sky: string | undefined) {
    this.environment = environment;
    this.#sky = sky;
  }

  /** @param skyPath absent: the command on the PATH of the login shell */
  static async find(base: NodeJS.ProcessEnv, skyPath: string | undefined, signal: AbortSignal): Promise<Programs> {
    const environment = await new LoginEnvironment({ base }).resolve(signal);
    const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
    for (const candidate of skyPath === undefined ? folders.map((folder) => join(folder, 'sky')) : [skyPath]) {
      if (await isExecutable(candidate)) return new Programs(environment, candidate);
    }
    return new Programs(environment, undefined);
  }

  /** Where the sky command is. @throws Skipped where there is none */
  get sky(): string {
    if (this.#sky === undefined) throw new Skipped('there is no sky command on this machine');
    return this.#sky;
  }

  /** The clusters of that name, asked of the cloud and not of a cache. @throws Skipped where there is no sky command */
  async skyRows(name: string, signal: AbortSignal): Promise<SkyRow[]> {
    const ran = await this.#runSky(['status', '--refresh', '-o', 'json'], STATUS_DEADLINE_MS, signal);
    const rows = z.array(skyRowSchema).safeParse(jsonAmongLines(ran.stdout));
    if (!rows.success) throw new Error(`"sky status" printed no list: ${lastLine(ran)}`);
    return rows.data.filter((row) => row.name === name);
  }

  async skyStop(name: string, signal: AbortSignal): Promise<void> {
    const ran = await this.#runSky(['stop', '-y', name], STOP_DEADLINE_MS, signal);
    if (ran.exitCode !== 0) throw new Error(`"sky stop" ended with ${ran.exitCode}: ${lastLine(ran)}`);
  }

  /** What a file on the server holds, read by ssh without asking anything. @throws Error with what ssh said */
  async readRemote(host: string, path: string, signal: AbortSignal): Promise<string> {
    const { environment } = this;
    const words = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', host, 'cat', path];
    const ran = await run('ssh', words, { environment, signal, deadlineMs: SSH_DEADLINE_MS });
    if (ran.exitCode === 0) return ran.stdout;
    throw new Error(`"ssh ${host} cat ${path}" ended with ${ran.exitCode}: ${lastLine(ran)}`);
  }

  #runSky(words: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<Ran> {
    return run(this.sky, words, { environment: this.environment, signal, deadlineMs });
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function lastLine({ stdout, stderr }: Ran): string {
  return `${stdout}\n${stderr}`.trim().split('\n').at(-1) ?? '';
}
