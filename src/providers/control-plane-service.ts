/** The one place that knows the control plane: finds it, follows its events, and keeps what was last known. */
import type { Event, EventEmitter } from 'vscode';
import { backoffMs } from '../client/backoff.ts';
import { isSameConnection, type Connection } from '../client/connection.ts';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import type { FoundControlPlane } from '../client/daemon.ts';
import type { Outdated } from '../client/outdated.ts';
import type { Cluster } from '../protocol/cluster.ts';
import {
  CarapaceError,
  ForbiddenError,
  InvalidInputError,
  UnauthorizedError,
  UnavailableError,
} from '../protocol/errors.ts';
import type { CarapaceEvent } from '../protocol/event.ts';
import type { ConnectionSource } from './connection-source.ts';
import { Disposer } from './disposer.ts';
import { abandonable, nextEvent } from './events.ts';
import { KnownState } from './known-state.ts';
import type { ConnectionStatus } from './model/connection-status.ts';
import { withCluster, withEvent, type ModelState } from './model/state.ts';
import type { Translate } from '../client/translate.ts';
import { OperationLines } from './operation-lines.ts';
import { Pause } from './pause.ts';
import { fetchAll, fetchCluster, fetchLists, type Fetch } from './snapshot.ts';

/** How often a visible view fetches everything anew, in milliseconds: what the stream missed shows by then. */
const SAFETY_REFETCH_MS = 20_000;
/** A connection that lived this long is tried again at once, in milliseconds. */
const STEADY_MS = 5_000;

export interface ServiceOptions {
  readonly changed: EventEmitter<void>;
  readonly source: () => ConnectionSource;
  readonly connect: (connection: Connection) => ControlPlaneClient;
  readonly log: { info(message: string): void; warn(message: string): void };
  readonly t: Translate;
}

interface Known {
  readonly connection: FoundControlPlane;
  readonly client: ControlPlaneClient;
}

export class ControlPlaneService {
  /** Fires after each change of {@link state} or {@link status}; often, so listeners wait a moment. */
  readonly onDidChange: Event<void>;
  readonly #options: ServiceOptions;
  readonly #lifetime = new AbortController();
  readonly #disposer = new Disposer();
  readonly #state: KnownState;
  #status: ConnectionStatus = { kind: 'searching' };
  #known: Known | undefined;
  #lastEventId: number | undefined;
  #following: AbortController | undefined;
  #liveSince: number | undefined;
  #ensuring: Promise<ControlPlaneClient> | undefined;
  readonly #pause = new Pause();
  readonly #lines = new OperationLines();

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.onDidChange = options.changed.event;
    this.#disposer.add(options.changed);
    this.#state = new KnownState(() => options.changed.fire());
  }

  get state(): ModelState {
    return this.#state.value;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** The control plane's address; undefined where none is known. */
  get url(): string | undefined {
    return this.#known?.connection.url;
  }

  /** What is outdated about the control plane that is used; undefined where nothing is. */
  get outdated(): Outdated | undefined {
    return this.#known?.connection.outdated;
  }

  /** Whether a person has started the control plane that is used, and so starts it again. */
  get isByHand(): boolean {
    return this.#known?.connection.byHand === true;
  }

  /** Begins to look for a control plane and to follow it. Starts none. */
  start(): void {
    void this.#followForEver(this.#lifetime.signal);
  }

  dispose(): void {
    this.#lifetime.abort();
    this.#disposer.dispose();
  }

  /** Looks again now, instead of after the wait that is under way. */
  poke(): void {
    this.#pause.poke();
  }

  /** Looks whether the control plane makes way for a newer one; where it does, that one is followed. */
  renew(): void {
    const looking = this.#options.source().find(this.#lifetime.signal);
    void looking.catch((error: unknown) => this.#note('The control plane could not be renewed', error));
  }

  /** While something shows the lists, they are fetched anew from time to time. @returns ends that */
  keepFresh(): { dispose(): void } {
    return this.#often(fetchLists);
  }

  /** The same for the cluster: being asked for it, the control plane observes it more often. */
  keepClusterFresh(): { dispose(): void } {
    return this.#often(fetchCluster);
  }

  /** Fetches everything anew; where no control plane is known, looks for one. */
  refresh(): Promise<void> {
    return this.#renew(fetchAll);
  }

  /** Takes a cluster that an answer has just told. */
  tellCluster(cluster: Cluster): void {
    this.#state.change((state) => withCluster(state, cluster));
  }

  #often(fetch: Fetch): { dispose(): void } {
    const timer = setInterval(() => void this.#renew(fetch), SAFETY_REFETCH_MS);
    void this.#renew(fetch);
    return { dispose: () => clearInterval(timer) };
  }

  async #renew(fetch: Fetch): Promise<void> {
    if (this.#known === undefined || this.#status.kind !== 'live') {
      this.poke();
      return;
    }
    await this.#state.load(fetch, this.#known.client, this.#lifetime.signal).catch((error: unknown) => {
      this.#following?.abort(error);
    });
  }

  /** The control plane for something that the user has asked for: started, or asked for its token, where needed. */
  async client(signal?: AbortSignal): Promise<ControlPlaneClient> {
    if (this.#known !== undefined && this.#status.kind === 'live') return this.#known.client;
    this.#ensuring ??= this.#ensure().finally(() => (this.#ensuring = undefined));
    return abandonable(this.#ensuring, signal);
  }

  async #ensure(): Promise<ControlPlaneClient> {
    const before = this.#status;
    this.#setStatus({ kind: 'starting' });
    try {
      const connection = await this.#options.source().ensure(this.#lifetime.signal);
      return this.#adopt(connection).client;
    } catch (error) {
      this.#setStatus(error instanceof UnavailableError ? { kind: 'broken', error } : before);
      throw error;
    } finally {
      this.poke();
    }
  }

  /** Like {@link client}, and returns once the state is what that control plane says. @throws why it is not */
  async connected(signal?: AbortSignal): Promise<ControlPlaneClient> {
    const client = await this.client(signal);
    await this.#settled(signal);
    if (this.#status.kind === 'live') return client;
    const error = 'error' in this.#status ? this.#status.error : undefined;
    throw error ?? new UnavailableError(this.#options.t('The control plane closed the connection.'));
  }

  /** The control plane where one is at hand, for what happens without the user. @throws UnavailableError */
  async current(signal?: AbortSignal): Promise<ControlPlaneClient> {
    await this.#settled(signal);
    if (this.#known !== undefined) return this.#known.client;
    throw new UnavailableError(this.#options.t('Carapace is not running. Open its view and connect again.'));
  }

  async #settled(signal?: AbortSignal): Promise<void> {
    while (this.#status.kind === 'searching' || this.#status.kind === 'starting') {
      await abandonable(nextEvent(this.onDidChange, this.#lifetime.signal), signal);
    }
  }

  /** Reads an operation's past lines, once; they arrive as changes of the state. */
  loadLines(operationId: string): void {
    const client = this.#known?.client;
    if (client === undefined) return;
    const tell = (event: CarapaceEvent) => this.#state.change((state) => withEvent(state, event));
    void this.#lines.read(client, operationId, this.#lifetime.signal, tell).catch((error: unknown) => {
      this.#note(`The lines of ${operationId} could not be read`, error);
    });
  }

  async #followForEver(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const wait = await this.#followOnce(signal);
      if (wait === 'none') attempt = 0;
      else if (await this.#pause.wait(wait === 'poke' ? undefined : backoffMs(attempt, Math.random()), signal))
        attempt = 0;
    }
  }

  /** One look, and one connection for as long as it holds. @returns what to wait for before the next */
  async #followOnce(signal: AbortSignal): Promise<'none' | 'backoff' | 'poke'> {
    const source = this.#options.source();
    let connection: FoundControlPlane | undefined;
    try {
      const found = await source.find(signal);
      if (found.connection === undefined) return this.#lose(found.because);
      connection = found.connection;
      const { client } = this.#adopt(connection);
      await client.health(signal);
      return await this.#follow(client, signal);
    } catch (error) {
      if (signal.aborted) return 'poke';
      if (connection === undefined || !(error instanceof UnauthorizedError)) return this.#drop(error);
      await source.refused(connection);
      return this.#lose('locked');
    }
  }

  /** Nothing to connect to until something happens; what was known is kept. */
  #lose(because: 'absent' | 'asleep' | 'locked'): 'poke' {
    this.#known = undefined;
    this.#liveSince = undefined;
    if (this.#ensuring === undefined) this.#setStatus({ kind: because });
    return 'poke';
  }

  #drop(error: unknown): 'none' | 'backoff' | 'poke' {
    this.#note('The connection to the control plane dropped', error);
    const steady = this.#liveSince !== undefined && performance.now() - this.#liveSince > STEADY_MS;
    this.#liveSince = undefined;
    // A short break is mended before anybody has to read of it.
    if (steady) return 'none';
    const cause = error instanceof CarapaceError ? error : undefined;
    if (this.#status.kind === 'live') this.#setStatus({ kind: 'lost', since: Date.now(), error: cause });
    else if (this.#status.kind !== 'lost') {
      this.#setStatus({
        kind: 'broken',
        error: cause ?? new UnavailableError(String(error), undefined, { cause: error }),
      });
    }
    return error instanceof InvalidInputError || error instanceof ForbiddenError ? 'poke' : 'backoff';
  }

  #adopt(connection: FoundControlPlane): Known {
    if (this.#known !== undefined && isSameConnection(this.#known.connection, connection)) return this.#known;
    this.#options.log.info(`Found the control plane at ${connection.url}`);
    this.#known = { connection, client: this.#options.connect(connection) };
    // Event ids count within one control plane.
    this.#lastEventId = undefined;
    this.#lines.forget();
    return this.#known;
  }

  /** Applies events until the connection ends. What happened before it is told by a snapshot. */
  async #follow(client: ControlPlaneClient, lifetime: AbortSignal): Promise<never> {
    const following = new AbortController();
    this.#following = following;
    const signal = AbortSignal.any([following.signal, lifetime]);
    const open = Promise.withResolvers<undefined>();
    const reading = this.#read(client, signal, () => open.resolve(undefined));
    try {
      // Only a snapshot that was taken after the stream had begun leaves no gap.
      await Promise.race([reading, open.promise.then(() => this.#state.load(fetchAll, client, signal))]);
      this.#liveSince = performance.now();
      this.#setStatus({ kind: 'live' });
      return await reading;
    } finally {
      following.abort();
      await reading.catch(() => undefined);
    }
  }

  async #read(client: ControlPlaneClient, signal: AbortSignal, onOpen: () => void): Promise<never> {
    const lastEventId = this.#lastEventId;
    const options = { signal, onOpen, ...(lastEventId !== undefined && { lastEventId }) };
    for await (const { id, event } of client.events(options)) {
      // The middle of what follows a reset is no place to go on from.
      if (id > 0) this.#lastEventId = id;
      if (event.type === 'reset' && !this.#state.isLoading) void this.refresh();
      else this.#state.tell(event);
    }
    throw new UnavailableError(this.#options.t('The control plane closed the connection.'));
  }

  #setStatus(status: ConnectionStatus): void {
    this.#status = status;
    this.#options.changed.fire();
  }

  #note(what: string, error: unknown): void {
    if (this.#lifetime.signal.aborted) return;
    this.#options.log.warn(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
