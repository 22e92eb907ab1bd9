/** What people ask of the cluster: each request is checked, recorded and begun, or refused with the reason. */
import {
  CLUSTER_DEFAULTS,
  CLUSTER_SUBJECT,
  type Cluster,
  type ClusterCheck,
  type EndCluster,
  type LaunchCluster,
  type LaunchPlan,
  type Offer,
  type SyncCluster,
  type VaultPaths,
  type VaultReport,
} from '../../protocol/cluster.ts';
import { ConflictError, InvalidInputError } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';
import { timestamp } from '../clock.ts';
import { within } from '../operations/abort.ts';
import type { OperationEngine } from '../operations/engine.ts';
import type { ClusterKind } from '../operations/handler.ts';
import { toOperation } from '../operations/journal.ts';
import type { ClusterRow } from '../store/cluster.ts';
import type { ClusterRecords } from './cluster-records.ts';
import type { Observer } from './observer.ts';
import type { Preflight } from './preflight.ts';
import { newRow, stateOf, vaultsOf } from './resource.ts';
import { ASK, type ServerFiles } from './server-files.ts';
import type { SkyAccess } from './sky-access.ts';
import type { Sky } from './sky/sky.ts';
import { permitCluster, STATUS_DURING, type ClusterVerb } from './state-machine.ts';
import { checkSsh } from './vaults/remote-shell.ts';
import type { Vaults } from './vaults/vaults.ts';

/** A request that is answered at once, SkyPilot's slow command included. */
const ANSWER_MS = 120_000;

export interface ClusterServiceOptions {
  readonly records: ClusterRecords;
  readonly engine: OperationEngine;
  readonly access: SkyAccess;
  readonly observer: Observer;
  readonly preflight: Preflight;
  readonly vaults: Vaults;
  readonly files: ServerFiles;
  /** Aborted when the control plane ends. */
  readonly closing: AbortSignal;
}

type EndVerb = 'stop' | 'destroy' | 'sync';

export class ClusterService {
  readonly #options: ClusterServiceOptions;

  constructor(options: ClusterServiceOptions) {
    this.#options = options;
  }

  /** The cluster as it is known; somebody looks at it from now on. */
  get(): Cluster {
    this.#options.observer.watch();
    return this.#options.records.cluster();
  }

  check(skyPath: string | undefined): Promise<ClusterCheck> {
    return this.#options.preflight.check(skyPath);
  }

  async offers(wish: LaunchCluster): Promise<Offer[]> {
    return [...(await this.#options.preflight.offers(wish))];
  }

  plan(wish: LaunchCluster): Promise<LaunchPlan> {
    return this.#options.preflight.plan(wish);
  }

  /**
   * Begins a launch once nothing is in its way that can be known before.
   * @throws AlreadyRunningError, ConflictError, SkyNotInstalledError, NoCredentialsError, InvalidInputError
   */
  async launch(wish: LaunchCluster): Promise<Operation> {
    const config = { ...CLUSTER_DEFAULTS, ...wish };
    this.#refuseSecondServer(config);
    this.#permit('launch');
    await this.#options.preflight.assertLaunchable(config);
    return this.#begin('launch', `Launch the server "${config.name}"`, (row) => {
      this.#refuseSecondServer(config);
      const base = row?.status === 'error' && row.name === config.name ? { ...row, config } : newRow(config);
      return { ...base, cost_at: base.cost_at ?? timestamp(), activity_at: timestamp() };
    });
  }

  /** @throws NotFoundError, AlreadyRunningError, ConflictError */
  start(): Operation {
    const row = this.#permit('start');
    return this.#begin('start', `Start the server "${row.name}"`, known);
  }

  /**
   * @param reason a line that stays with the stopped server
   * @throws NotFoundError, NotRunningError, ConflictError also for files that were changed on the server
   */
  async stop(how: EndCluster, reason: string | null = null): Promise<Operation> {
    const row = this.#permit('stop');
    const sky = await this.#find(row);
    if (row.cloud !== null && !sky.canStop(row.cloud, row.use_spot)) throw cannotStop(row);
    await this.#refuseChanges('stop', row, sky, how);
    const title =
      reason === null ? `Stop the server "${row.name}"` : `Stop the server "${row.name}": nobody works with it`;
    return this.#begin('stop', title, (now) => ({ ...known(now), asked: how, note: reason }));
  }

  /** @throws NotFoundError, ConflictError also for files that were changed on the server */
  async destroy(how: EndCluster): Promise<Operation> {
    const row = this.#permit('destroy');
    await this.#refuseChanges('destroy', row, undefined, how);
    return this.#begin('destroy', `Destroy the server "${row.name}"`, (now) => ({ ...known(now), asked: how }));
  }

  /** @throws NotFoundError, NotRunningError, InvalidInputError without vaults, ConflictError as {@link stop} */
  async sync(how: SyncCluster): Promise<Operation> {
    const row = this.#permit('sync');
    if (Object.keys(vaultsOf(row)).length === 0) {
      throw new InvalidInputError(
        'The server has no vaults to sync. Launch a server with a public or a private folder.',
      );
    }
    await this.#refuseChanges('sync', row, undefined, how);
    return this.#begin('sync', `Sync the vaults of "${row.name}"`, (now) => ({ ...known(now), asked: how }));
  }

  /** @param minutes 0 for never @throws NotFoundError, NotRunningError, ConflictError */
  async setAutostop(minutes: number): Promise<Cluster> {
    const { records, engine, observer } = this.#options;
    const row = this.#permit('autostop');
    if (engine.isBusy(CLUSTER_SUBJECT)) throw new ConflictError('An operation runs on the server. Wait for its end.');
    return this.#answer(async (signal) => {
      const sky = await this.#find(row, signal);
      const down = row.cloud !== null && !sky.canStop(row.cloud, row.use_spot);
      await sky.autostop(row.name, minutes, down, signal);
      records.change({ config: { ...row.config, autostop_minutes: minutes }, stops_at: null });
      // SkyPilot reports success for what it did not do.
      const seen = await observer.observe(sky, false, signal);
      if ((seen?.autostopMinutes ?? 0) === minutes) return records.cluster();
      throw new ConflictError(
        `SkyPilot did not set the autostop of "${row.name}". ${records.cluster().note ?? 'Try again.'}`,
      );
    });
  }

  /** Somebody works with the server: it does not stop now. */
  tellActivity(): Cluster {
    const { records } = this.#options;
    records.change({ activity_at: timestamp(), stops_at: null });
    return records.cluster();
  }

  /** @param paths absent: those that the cluster was launched with */
  inspectVaults(paths: VaultPaths | undefined): Promise<VaultReport[]> {
    const { records, vaults } = this.#options;
    const row = records.find();
    const chosen = paths ?? (row === undefined ? {} : vaultsOf(row));
    return this.#answer((signal) => vaults.inspect(chosen, signal));
  }

  /** Has SkyPilot write the SSH entry anew, and tries it. @throws NotFoundError, NotRunningError, UnavailableError */
  prepareSsh(): Promise<Cluster> {
    const row = this.#permit('ssh');
    return this.#answer(async (signal) => {
      const sky = await this.#find(row, signal);
      await sky.writeSshEntry(row.name, signal);
      await checkSsh(row.name, sky.environment, signal);
      return this.#options.records.cluster();
    });
  }

  #permit(verb: ClusterVerb): ClusterRow {
    const { records } = this.#options;
    permitCluster(verb, stateOf(records.find()));
    return records.find() ?? newRow({});
  }

  /** @throws ConflictError where another server may still be there */
  #refuseSecondServer({ name }: LaunchCluster): void {
    const row = this.#options.records.find();
    if (row?.status !== 'error' || row.name === name || row.billed === 'nothing') return;
    throw new ConflictError(
      `There is still the server "${row.name}". Destroy it before launching one of another name.`,
    );
  }

  /** Asks the server for its changes while it runs, unless the caller has decided on them. */
  async #refuseChanges(verb: EndVerb, row: ClusterRow, sky: Sky | undefined, how: EndCluster): Promise<void> {
    if ((how.server_changes ?? 'refuse') !== 'refuse' || row.status !== 'running' || row.synced_at === null) return;
    await this.#answer(async (signal) =>
      this.#options.files.refuse(row, sky ?? (await this.#find(row, signal)), ASK[verb], signal),
    );
  }

  #find(row: ClusterRow, signal?: AbortSignal): Promise<Sky> {
    const find = (inTime: AbortSignal): Promise<Sky> => this.#options.access.find(row.config.sky_path, inTime);
    return signal === undefined ? this.#answer(find) : find(signal);
  }

  #answer<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(ANSWER_MS, `There was no answer within ${ANSWER_MS / 1000} s.`, this.#options.closing, work);
  }

  /** Records the operation and the state that it puts the cluster in, where that is still permitted then. */
  #begin(
    verb: 'launch' | 'start' | EndVerb,
    title: string,
    prepare: (row: ClusterRow | undefined) => ClusterRow,
  ): Operation {
    const { engine, records, observer } = this.#options;
    const kind: ClusterKind = `cluster.${verb}`;
    const operation = engine.begin({ kind, subject: CLUSTER_SUBJECT, scope: CLUSTER_SUBJECT, title }, () => {
      permitCluster(verb, stateOf(records.find()));
      const cleared = { error: null, note: null, request_id: null, asked: null, stops_at: null };
      const row = records.find();
      const fresh = prepare(row === undefined ? undefined : { ...row, ...cleared, status: row.status });
      records.put({ ...fresh, error: null, status: STATUS_DURING[kind] });
    });
    observer.watch();
    return toOperation(operation);
  }
}

/** The row of a server that is there: what may be asked was checked before. */
function known(row: ClusterRow | undefined): ClusterRow {
  return row ?? newRow({});
}

function cannotStop({ name, cloud, use_spot }: ClusterRow): ConflictError {
  const kind = use_spot ? 'a Spot machine' : 'a machine';
  return new ConflictError(
    `The server "${name}" cannot be stopped: ${cloud ?? 'the cloud'} cannot stop ${kind} and keep its disk. Destroy it to end its costs.`,
    { stop_unsupported: true },
  );
}
