/** What the control plane asks of SkyPilot. Implemented over its API server and its command line; no state is kept here. */
import type { ClusterCheck, Offer } from '../../../protocol/cluster.ts';

/** SkyPilot's own words for a cluster's state. */
export type SkyStatus = 'INIT' | 'UP' | 'STOPPED' | 'AUTOSTOPPING' | 'PENDING';

/** A cluster as SkyPilot has it on record. `launchedAt` is in Unix seconds; `autostopMinutes` is null where it is off. */
export interface SkyRecord {
  readonly name: string;
  readonly status: SkyStatus;
  readonly launchedAt: number | null;
  readonly cloud: string | null;
  readonly region: string | null;
  readonly zone: string | null;
  readonly instanceType: string | null;
  readonly ip: string | null;
  readonly useSpot: boolean;
  readonly autostopMinutes: number | null;
  /** Autostop destroys it instead of stopping it. */
  readonly toDown: boolean;
  /** Tells one cluster from a later one of the same name. */
  readonly hash: string | null;
  /** SkyPilot's last words on it, such as `Cluster is abnormal because …`. */
  readonly lastEvent: string | null;
}

export type SkyVerb = 'launch' | 'start' | 'stop' | 'down';

/** A request that SkyPilot's server works on. */
export interface SkyRequest {
  readonly id: string;
  readonly verb: SkyVerb;
}

/** How a request ended. `lost`: the server knows it no more, for it was started again; only the status can tell. */
export type SkyOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly type: string; readonly message: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'lost' };

/** A line of a request's stream, ANSI stripped. `phase` is set where it is one of SkyPilot's own phases. */
export interface SkyLine {
  readonly text: string;
  readonly phase: string | undefined;
}

/**
 * SkyPilot as found on this machine. Each method takes a signal and has a deadline of its own.
 * @throws SkyNotInstalledError, NoCredentialsError, NoCapacityError, InvalidInputError for what SkyPilot refused, and
 * UnavailableError where its server or command cannot be reached
 */
export interface Sky {
  /** Absolute path of the command, its version, and the login shell's environment that it runs in. */
  readonly command: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string>>;

  /** Whether the API server answers now; never starts it. */
  isServing(signal: AbortSignal): Promise<boolean>;
  /** Which clouds can be used, and why the others cannot. Starts the API server where needed. Takes seconds. */
  check(signal: AbortSignal): Promise<Pick<ClusterCheck, 'enabled_clouds' | 'disabled_clouds'>>;
  /**
   * The cluster's record; undefined where SkyPilot has none. Starts the API server where needed.
   * @param refresh asks the cloud, which takes seconds; without it SkyPilot's cache answers
   * @throws NoCredentialsError, UnavailableError also when a refresh could not ask the cloud: what is on record is old then
   */
  status(
    name: string,
    options: { readonly refresh: boolean; readonly signal: AbortSignal },
  ): Promise<SkyRecord | undefined>;
  /** Requests on that cluster that have not ended. */
  activeRequests(name: string, signal: AbortSignal): Promise<readonly SkyRequest[]>;
  /** @param taskFile the task as YAML; @param fast mounts files without provisioning and setting up again */
  launch(
    name: string,
    taskFile: string,
    options: { readonly fast?: boolean; readonly signal: AbortSignal },
  ): Promise<string>;
  start(name: string, signal: AbortSignal): Promise<string>;
  stop(name: string, signal: AbortSignal): Promise<string>;
  /** @param purge removes the record although the cloud did not confirm */
  down(name: string, options: { readonly purge?: boolean; readonly signal: AbortSignal }): Promise<string>;
  /** Ends when it is done. @param minutes 0 for never @param down destroys instead of stopping */
  autostop(name: string, minutes: number, down: boolean, signal: AbortSignal): Promise<void>;
  /** Tells the lines of a request until it has ended, from its beginning; reconnects; answers how it ended. */
  follow(requestId: string, onLine: (line: SkyLine) => void, signal: AbortSignal): Promise<SkyOutcome>;
  /** Ends when SkyPilot has cancelled it, or it had ended, or is unknown. */
  cancel(requestId: string, signal: AbortSignal): Promise<void>;
  /** Makes SkyPilot write the SSH entry of the cluster anew. */
  writeSshEntry(name: string, signal: AbortSignal): Promise<void>;
  /**
   * What clouds offer with so many cores and GiB, from SkyPilot's catalogs: one per type and region, first what SkyPilot
   * would choose by itself, then the rest, each the cheapest first. No clouds: all that there is a catalog of. Clouds are
   * named in any case and told as SkyPilot spells them.
   */
  offers(
    wish: { readonly clouds: readonly string[]; readonly cpus: string; readonly memory: string },
    signal: AbortSignal,
  ): Promise<readonly Offer[]>;
  /** Whether the cloud can stop such a machine and keep its disk. */
  canStop(cloud: string, useSpot: boolean): boolean;
}

/** Finds SkyPilot anew for each operation: an editor outlives changes of PATH and of profiles. */
export interface SkyFinder {
  /** @throws SkyNotInstalledError where it is absent or too old, with the install command for this machine */
  find(skyPath: string | undefined, signal: AbortSignal): Promise<Sky>;
  /** The command that installs SkyPilot here, by uv, pipx or pip, whichever is there. */
  installCommand(signal: AbortSignal): Promise<string>;
}
