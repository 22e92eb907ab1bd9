/** The server that a QA run launches, and never leaves behind. */
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import { waitForOperation } from '../../client/wait.ts';
import { CLUSTER_DEFAULTS, CLUSTER_SUBJECT, type Cluster, type LaunchCluster } from '../../protocol/cluster.ts';
import { CarapaceError, NotRunningError, UnavailableError } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';
import type { Programs, SkyRow } from './programs.ts';
import { Skipped } from './runner.ts';
import type { VaultFolders } from './vault-folders.ts';

/** For all of the cleaning up: what runs is cancelled or waited for, then destroyed, twice where needed. */
const CLEAN_UP_MS = 30 * 60_000;
const ATTEMPTS = 2;

export interface QaServerOptions {
  readonly client: ControlPlaneClient;
  readonly programs: Programs;
  readonly vaults: VaultFolders;
  readonly wish: LaunchCluster;
  readonly onLine: (line: string) => void;
}

export class QaServer {
  readonly name: string;
  readonly #options: QaServerOptions;
  /** `perhaps`: the answer was lost. */
  #launched: 'no' | 'perhaps' | 'yes' = 'no';

  constructor(options: QaServerOptions) {
    this.#options = options;
    this.name = options.wish.name ?? CLUSTER_DEFAULTS.name;
  }

  /** @throws the refusal */
  async launch(signal: AbortSignal, skyPath?: string): Promise<Operation> {
    const { client, wish } = this.#options;
    signal.throwIfAborted();
    const before = this.#launched;
    if (before === 'no') this.#launched = 'perhaps';
    try {
      // Not broken off by the signal: whether something has begun has to be known.
      const operation = await client.launchCluster({ ...wish, ...(skyPath !== undefined && { sky_path: skyPath }) });
      this.#launched = 'yes';
      return operation;
    } catch (error) {
      if (error instanceof CarapaceError && !(error instanceof UnavailableError)) this.#launched = before;
      throw error;
    }
  }

  /** Destroys it in whatever state it is. Answers undefined where nothing was launched. @throws Error that says what is left */
  async cleanUp(): Promise<string | undefined> {
    if (this.#launched === 'no') return undefined;
    const signal = AbortSignal.timeout(CLEAN_UP_MS);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#destroy(signal);
      } catch (error) {
        if (attempt < ATTEMPTS && !signal.aborted) continue;
        const why = error instanceof Error ? error.message : String(error);
        const advice = 'It may still be billed. Destroy it: carapace cluster destroy --yes';
        throw new Error(`The server of this run could not be destroyed: ${why} ${advice}`, { cause: error });
      }
    }
  }

  async #destroy(signal: AbortSignal): Promise<string> {
    const { client, onLine } = this.#options;
    await this.#endRunning(signal);
    const found = await client.getCluster(signal);
    if (found.status !== 'no_server') {
      if (!this.#isOurs(found)) return 'there is a server that this run did not launch; it was left alone';
      const { id } = await client.destroyCluster({ server_changes: 'discard' }, signal);
      const ended = await waitForOperation(client, id, { signal, onEvent: ({ message }) => onLine(message) });
      if (ended.status !== 'succeeded') throw new Error(ended.error?.message ?? `"${ended.title}" ${ended.status}.`);
    }
    return this.#confirm(signal);
  }

  /** The vaults of this run are nobody else's. */
  #isOurs({ vaults }: Cluster): boolean {
    return this.#launched === 'yes' || vaults.public === this.#options.vaults.paths.public;
  }

  /** Cancels what still runs on the server, and waits for its end. */
  async #endRunning(signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const operations = await client.listOperations(signal);
    for (const { id, subject, status } of operations) {
      if (subject !== CLUSTER_SUBJECT || status !== 'running') continue;
      // What cannot be cancelled ends by itself.
      await client.cancelOperation(id, signal).catch((error: unknown) => {
        if (!(error instanceof CarapaceError) || error instanceof UnavailableError) throw error;
      });
      await waitForOperation(client, id, { signal });
    }
  }

  /** @throws NotRunningError where one of the two still knows it */
  async #confirm(signal: AbortSignal): Promise<string> {
    const { client, programs } = this.#options;
    const { status } = await client.getCluster(signal);
    if (status !== 'no_server') throw new NotRunningError(`The state is "${status}".`);
    let rows: readonly SkyRow[];
    try {
      rows = await programs.skyRows(this.name, signal);
    } catch (error) {
      if (!(error instanceof Skipped)) throw error;
      return 'the state is "no_server"; "sky status" could not be asked';
    }
    if (rows.length > 0) throw new NotRunningError(`"sky status" says ${rows[0]?.status ?? ''}.`);
    return 'the state is "no_server", and "sky status" has none';
  }
}
