/**
 * A SkyPilot that takes milliseconds and fails as it is told: its command, its API server, SSH to its machines, and a login
 * shell that knows of them. What it answers was recorded from version 0.14.1; see {@link ./check-against-real.ts}.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/free-port.ts';
import { kill, processesNaming } from '../../support/processes.ts';
import type { SkyBehaviour } from './behaviour.ts';
import { writeCatalogs } from './catalog.ts';
import { everyMachine, isThere, machineRoot, setMachineState, type Machine } from './cloud.ts';
import { readCalls, readJson, writeJson, type SkyCall } from './files.ts';
import { commandFolder, writePrograms, type ProgramPlace } from './programs.ts';
import { readRecords, type ClusterRecord } from './records.ts';

export type { SkyBehaviour } from './behaviour.ts';
export type { Machine } from './cloud.ts';
export type { SkyCall } from './files.ts';

const START_MS = 60_000;
/** What is there without the fake. */
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin';

export class FakeSky {
  readonly folder: string;
  readonly home: string;
  /** Where the API server listens when it runs. */
  readonly endpoint: string;
  readonly #place: ProgramPlace;

  private constructor(place: ProgramPlace) {
    this.#place = place;
    this.folder = place.folder;
    this.home = place.home;
    this.endpoint = place.endpoint;
  }

  /** @param folder an empty one, or one that is to be made; its API server does not run yet */
  static async create(folder: string): Promise<FakeSky> {
    const home = join(folder, 'home');
    mkdirSync(home, { recursive: true });
    const place = { folder, home, endpoint: `http://127.0.0.1:${await freePort()}` };
    const fake = new FakeSky(place);
    writePrograms(place);
    writeCatalogs(home);
    fake.setLoginEnvironment(fake.environment);
    return fake;
  }

  /** Where `sky` is. */
  get command(): string {
    return join(commandFolder(this.#place), 'sky');
  }

  /** For a process that runs `sky` itself. */
  get environment(): Record<string, string> {
    return {
      PATH: `${commandFolder(this.#place)}:${SYSTEM_PATH}`,
      HOME: this.home,
      SKYPILOT_API_SERVER_ENDPOINT: this.endpoint,
      SKYPILOT_DISABLE_USAGE_COLLECTION: '1',
    };
  }

  /** For a process that was not started from a shell, as an editor from the dock: only its login shell knows `sky`. */
  get desktopEnvironment(): Record<string, string> {
    return { PATH: SYSTEM_PATH, HOME: this.home, SHELL: join(commandFolder(this.#place), 'login-shell') };
  }

  /** What the start-up files of the login shell set from now on. */
  setLoginEnvironment(environment: Readonly<Record<string, string>>): void {
    const lines = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`);
    writeFileSync(join(this.folder, 'login-environment'), lines.join(''));
  }

  /** From now on there is no `sky` on the PATH. */
  uninstall(): void {
    rmSync(this.command, { force: true });
  }

  install(): void {
    writePrograms(this.#place);
  }

  /** How it behaves from now on, instead of what was said before. Another version comes with another command. */
  behave(behaviour: SkyBehaviour): void {
    writeJson(join(this.folder, 'behaviour.json'), behaviour);
    if (existsSync(this.command)) this.install();
  }

  /** What is billed in the cloud: machines that run, and stopped ones for their disks. */
  machines(): Machine[] {
    return this.everyMachine().filter(isThere);
  }

  /** With those that are terminated. */
  everyMachine(): Machine[] {
    return everyMachine(this.folder);
  }

  /** SkyPilot's own records, as they are without a refresh. */
  records(): ClusterRecord[] {
    return readRecords(this.folder);
  }

  /** Where a path of the only machine is here. */
  remotePath(path: string): string {
    return join(machineRoot(this.folder, this.#only().id), path);
  }

  /** Whatever was asked, oldest first. */
  calls(): SkyCall[] {
    return readCalls(this.folder);
  }

  /** The commands with that verb. */
  commands(verb: string): SkyCall[] {
    return this.calls().filter(({ command }) => command?.[0] === verb);
  }

  /** The launches that reached the API server, without those that only mount files again or that only plan. */
  launches(): SkyCall[] {
    return this.calls().filter(({ request, body }) => {
      const { fast, dryrun } = (body ?? {}) as { readonly fast?: boolean; readonly dryrun?: boolean };
      return request === 'POST /launch' && fast !== true && dryrun !== true;
    });
  }

  /** How often somebody began to follow a launch, a start, a stop or a destroy. */
  followed(): number {
    const isCheck = (id: string): boolean => this.calls().some(({ answered }) => answered === `/check ${id}`);
    const ids = this.calls().flatMap(
      ({ request }) => /^GET \/api\/stream\?request_id=([^&]+)/.exec(request ?? '')?.[1] ?? [],
    );
    return ids.filter((id) => !isCheck(id)).length;
  }

  /** Somebody stops the only machine in the cloud's console, or it stopped by itself. */
  stopMachine(): void {
    setMachineState(this.folder, this.#only().id, 'stopped');
  }

  startMachine(): void {
    setMachineState(this.folder, this.#only().id, 'running');
  }

  /** Somebody deletes it, or the cloud takes a Spot machine back. */
  terminateMachine(): void {
    setMachineState(this.folder, this.#only().id, 'terminated');
  }

  /** SkyPilot on the machine has begun to stop it; {@link stopMachine} ends that. */
  beginAutostop(): void {
    setMachineState(this.folder, this.#only().id, 'autostopping');
  }

  /** It runs, and SkyPilot cannot use it any more. */
  breakMachine(): void {
    setMachineState(this.folder, this.#only().id, 'sick');
  }

  isServing(): Promise<boolean> {
    return fetch(`${this.endpoint}/api/health`).then(
      () => true,
      () => false,
    );
  }

  async startServer(): Promise<void> {
    const args = [join(import.meta.dirname, 'server.ts'), this.folder, this.home, new URL(this.endpoint).port];
    spawn(process.execPath, ['--no-warnings', ...args], { detached: true, stdio: 'ignore' }).unref();
    await waitUntil(() => this.isServing());
  }

  /** Kills the API server, with whatever it works on. */
  async killServer(): Promise<void> {
    const { pid } = readJson<{ pid?: number }>(join(this.folder, 'server.json'), {});
    if (pid !== undefined) kill(pid);
    await waitUntil(async () => !(await this.isServing()));
  }

  /** Ends its processes and removes its folder. */
  async dispose(): Promise<void> {
    await waitUntil(() => {
      const left = processesNaming(this.folder);
      for (const { pid } of left) kill(pid);
      return left.length === 0;
    });
    rmSync(this.folder, { recursive: true, force: true });
  }

  #only(): Machine {
    const machines = this.machines();
    const [machine] = machines;
    if (machine === undefined || machines.length > 1) throw new Error(`there are ${machines.length} machines`);
    return machine;
  }
}

async function waitUntil(done: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error('the fake SkyPilot waited in vain');
    await sleep(10);
  }
}
