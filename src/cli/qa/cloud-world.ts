/** The world of the QA playbook: a control plane, the user's sky and ssh, and one server that is launched for it. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import type { QaAction, QaCheck } from '../../lib/playbook.ts';
import type { Cluster, ClusterStatus, LaunchCluster } from '../../protocol/cluster.ts';
import { CarapaceError } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';
import { BareControlPlane } from './bare-control-plane.ts';
import { CHECKS, shortened, type Look, type Seen } from './checks.ts';
import { QaServer } from './qa-server.ts';
import { observe, type Observed } from './observed.ts';
import type { Programs } from './programs.ts';
import { Skipped, type QaWorld } from './runner.ts';
import { QA_FILES, type VaultFile, type VaultFolders } from './vault-folders.ts';

const WATCH_SECONDS = 45;
const LOOK_EVERY_MS = 1_000;
/** How long a change that was made elsewhere is waited for; the check wants it sooner. */
const SEEN_ELSEWHERE_MS = 90_000;

export interface CloudWorldOptions {
  readonly client: ControlPlaneClient;
  readonly programs: Programs;
  readonly vaults: VaultFolders;
  /** What is launched, with the vaults above. */
  readonly wish: LaunchCluster;
  /** The folder of the bundles. */
  readonly programFolder: string;
  /** Told each line of progress. */
  readonly onLine: (line: string) => void;
}

type Act = (signal: AbortSignal) => Promise<string>;

export class CloudWorld implements QaWorld {
  readonly #options: CloudWorldOptions;
  readonly #server: QaServer;
  readonly #acts: Readonly<Record<QaAction, Act>>;
  #seen: Seen = {};

  constructor(options: CloudWorldOptions) {
    this.#options = options;
    this.#server = new QaServer(options);
    const { client } = options;
    this.#acts = {
      launch: (signal) => this.#observed((during) => this.#server.launch(during), signal),
      'launch-again': (signal) => this.#launchAgain(signal),
      'launch-without-skypilot': (signal) => this.#launchWithoutSkyPilot(signal),
      'launch-without-credentials': (signal) => this.#launchWithoutCredentials(signal),
      start: (signal) => this.#observed((during) => client.startCluster(during), signal),
      stop: (signal) => this.#observed((during) => client.stopCluster({}, during), signal),
      'stop-elsewhere': (signal) => this.#stopElsewhere(signal),
      destroy: (signal) =>
        this.#observed((during) => client.destroyCluster({ server_changes: 'discard' }, during), signal),
      'watch-status': (signal) => this.#watchStatus(signal),
      'read-vaults': (signal) => this.#readVaults([QA_FILES.public, QA_FILES.private, QA_FILES.ignored], signal),
      'change-vaults-and-sync': (signal) => this.#changeAndSync(signal),
    };
  }

  async state(signal: AbortSignal): Promise<ClusterStatus> {
    return (await this.#options.client.getCluster(signal)).status;
  }

  act(action: QaAction, signal: AbortSignal): Promise<string> {
    this.#seen = {};
    return this.#acts[action](signal);
  }

  async verify(check: QaCheck, signal: AbortSignal): Promise<string> {
    const { client, programs, vaults, wish } = this.#options;
    const look: Look = {
      seen: this.#seen,
      cluster: (during) => client.getCluster(during),
      skyRows: (during) => programs.skyRows(this.#server.name, during),
      plan: (during) => client.planCluster(wish, during),
      expected: (file) => vaults.content(file),
    };
    return CHECKS[check](look, signal);
  }

  cleanUp(): Promise<string | undefined> {
    return this.#server.cleanUp();
  }

  async #observed(begin: (signal: AbortSignal) => Promise<Operation>, signal: AbortSignal): Promise<string> {
    const { client, onLine } = this.#options;
    const { states, lines, seconds }: Observed = await observe(client, () => begin(signal), signal, onLine);
    this.#seen = { states, lines, seconds };
    return states.join(' → ');
  }

  async #launchAgain(signal: AbortSignal): Promise<string> {
    const hash = await this.#hash(signal);
    const refusal = await this.#refusal(() => this.#server.launch(signal));
    this.#seen = { hash, refusal };
    return shortened(refusal.message);
  }

  /** SkyPilot's name for the server that is there; null where it cannot be asked. */
  async #hash(signal: AbortSignal): Promise<string | null> {
    try {
      const rows = await this.#options.programs.skyRows(this.#server.name, signal);
      return rows[0]?.cluster_hash ?? null;
    } catch (error) {
      if (error instanceof Skipped) return null;
      throw error;
    }
  }

  /** @throws Error where it was accepted */
  async #refusal(launch: () => Promise<Operation>): Promise<CarapaceError> {
    let operation: Operation;
    try {
      operation = await launch();
    } catch (error) {
      if (error instanceof CarapaceError) return error;
      throw error;
    }
    throw new Error(`it was not refused: ${operation.id} has begun`);
  }

  async #launchWithoutSkyPilot(signal: AbortSignal): Promise<string> {
    const { client, vaults } = this.#options;
    const skyPath = join(vaults.folder, 'no-such-folder', 'sky');
    const check = await client.checkCluster(skyPath, signal);
    // Nothing is launched on a doubt: it would be a real server.
    if (check.sky_installed) throw new Error('the check says that SkyPilot is there, so no launch was tried');
    const refusal = await this.#refusal(() => this.#server.launch(signal, skyPath));
    this.#seen = { check, refusal };
    return shortened(refusal.message);
  }

  async #launchWithoutCredentials(signal: AbortSignal): Promise<string> {
    const { programs, programFolder } = this.#options;
    const { sky } = programs;
    const path = programs.environment['PATH'] ?? '';
    const bare = await BareControlPlane.start({ programFolder, sky, path, signal });
    try {
      const check = await bare.client.checkCluster(sky, signal);
      if (!check.sky_installed)
        throw new Error(`SkyPilot was not found there: ${check.reason ?? 'no reason was told'}`);
      if (check.enabled_clouds.length > 0) {
        const clouds = check.enabled_clouds.join(', ');
        throw new Skipped(`${clouds} can be used here even without a home folder, so no launch was tried`);
      }
      const refusal = await this.#refusal(() => bare.client.launchCluster({ sky_path: sky }, signal));
      const { status: otherState } = await bare.client.getCluster(signal);
      this.#seen = { check, refusal, otherState };
      return shortened(refusal.message);
    } finally {
      await bare.close();
    }
  }

  async #stopElsewhere(signal: AbortSignal): Promise<string> {
    await this.#options.programs.skyStop(this.#server.name, signal);
    const stoppedAt = performance.now();
    const deadline = stoppedAt + SEEN_ELSEWHERE_MS;
    for (;;) {
      const status = await this.state(signal);
      const seconds = (performance.now() - stoppedAt) / 1000;
      if (status === 'stopped') {
        this.#seen = { seconds };
        return `the state was "stopped" ${seconds.toFixed(1)} s after "sky stop" had ended`;
      }
      if (performance.now() >= deadline)
        throw new Error(`${seconds.toFixed(0)} s later the state is still "${status}"`);
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }

  async #watchStatus(signal: AbortSignal): Promise<string> {
    const until = performance.now() + WATCH_SECONDS * 1000;
    let oldest = 0;
    let looks = 0;
    while (performance.now() < until) {
      oldest = Math.max(oldest, ageOf(await this.#options.client.getCluster(signal)));
      looks += 1;
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
    this.#seen = { oldest };
    return `looked ${looks} times`;
  }

  async #readVaults(files: readonly VaultFile[], signal: AbortSignal): Promise<string> {
    const { client, programs } = this.#options;
    const { ssh_host: host } = await client.prepareSsh(signal);
    if (host === null) throw new Error('no SSH entry is told');
    const read = new Map<VaultFile, string | Error>();
    for (const file of files) {
      const path = `/opt/carapace/data/${file.vault}/${file.path}`;
      const content = await programs.readRemote(host, path, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        return error instanceof Error ? error : new Error(String(error));
      });
      read.set(file, content);
    }
    this.#seen = { ...this.#seen, files: read };
    return `asked ${host} for ${files.length} files`;
  }

  async #changeAndSync(signal: AbortSignal): Promise<string> {
    const { client, vaults } = this.#options;
    await vaults.write(QA_FILES.public, 'changed');
    await vaults.write(QA_FILES.added, 'added');
    const said = await this.#observed((during) => client.syncCluster({}, during), signal);
    const read = await this.#readVaults([QA_FILES.public, QA_FILES.added], signal);
    return [said, read].filter((line) => line !== '').join('; ');
  }
}

/** How old what is shown is, in seconds. */
function ageOf({ observed_at: observedAt }: Cluster): number {
  return observedAt === null ? Infinity : (Date.now() - Date.parse(observedAt)) / 1000;
}
