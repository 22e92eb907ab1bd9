/** What is looked at before anything is made: SkyPilot, credentials, folders, prices. */
import {
  CLUSTER_DEFAULTS,
  type ClusterCheck,
  type FileList,
  type LaunchCluster,
  type LaunchPlan,
  type Offer,
  type VaultReport,
} from '../../protocol/cluster.ts';
import { InvalidInputError } from '../../protocol/errors.ts';
import { within } from '../operations/abort.ts';
import { checkSky, isSameCloud, noCredentials } from './check.ts';
import type { ClusterRecords } from './cluster-records.ts';
import { diskPricePerHour } from './cost.ts';
import type { Observer } from './observer.ts';
import { dollars } from './resource.ts';
import type { SkyAccess } from './sky-access.ts';
import { Coalesced } from './sky/coalesced.ts';
import type { Sky } from './sky/sky.ts';
import type { Vaults } from './vaults/vaults.ts';

/** All of it: SkyPilot's server may have to start, and every cloud is asked. */
const PREFLIGHT_MS = 170_000;
const NAMED = 3;

export interface PreflightOptions {
  readonly records: ClusterRecords;
  readonly access: SkyAccess;
  readonly observer: Observer;
  readonly vaults: Vaults;
  /** Aborted when the control plane ends. */
  readonly closing: AbortSignal;
}

export class Preflight {
  readonly #options: PreflightOptions;
  readonly #launches = new Coalesced<void>({ keepMs: 0 });
  readonly #checks = new Coalesced<ClusterCheck>({ keepMs: 0 });

  constructor(options: PreflightOptions) {
    this.#options = options;
  }

  /** Whether SkyPilot and the clouds can be used; what is missing is in the answer. */
  check(skyPath: string | undefined): Promise<ClusterCheck> {
    return this.#inTime((given) =>
      this.#checks.run(skyPath ?? '', given, (signal) => checkSky(this.#options.access, skyPath, signal)),
    );
  }

  offers(wish: LaunchCluster): Promise<readonly Offer[]> {
    return this.#inTime(async (signal) => {
      const { sky, clouds } = await this.#clouds(wish, signal);
      return this.#offers(sky, clouds, wish, signal);
    });
  }

  /** What a launch would do and cost. @throws SkyNotInstalledError, NoCredentialsError */
  plan(wish: LaunchCluster): Promise<LaunchPlan> {
    return this.#inTime((signal) => this.#plan(wish, signal));
  }

  async #plan(wish: LaunchCluster, signal: AbortSignal): Promise<LaunchPlan> {
    const inspected = this.#options.vaults.inspect(wish.vaults ?? {}, signal);
    const [{ sky, clouds }, vaults] = await Promise.all([this.#clouds(wish, signal), inspected]);
    const offer = chooseOffer(await this.#offers(sky, clouds, wish, signal), wish);
    const price_per_hour = offer === null ? null : priceOf(offer, wish);
    const disk = diskPricePerHour(offer?.cloud ?? wish.cloud ?? null, wish.disk_size ?? CLUSTER_DEFAULTS.disk_size);
    const warnings = [...machineWarnings(sky, offer, wish, disk), ...vaults.flatMap(vaultWarnings)];
    return { offer, price_per_hour, disk_price_per_hour: disk, vaults, warnings };
  }

  /**
   * Whether a launch can begin; asked at the same moment for the same, it is looked at once.
   * @throws SkyNotInstalledError, NoCredentialsError, InvalidInputError for a vault that cannot be mounted
   */
  async assertLaunchable(wish: LaunchCluster): Promise<void> {
    const key = JSON.stringify(wish);
    await this.#inTime((given) => this.#launches.run(key, given, (signal) => this.#assertLaunchable(wish, signal)));
  }

  async #assertLaunchable(wish: LaunchCluster, signal: AbortSignal): Promise<void> {
    const reports = this.#options.vaults.inspect(wish.vaults ?? {}, signal);
    const [{ sky }] = await Promise.all([this.#clouds(wish, signal), reports.then(assertMountable)]);
    const { records, observer } = this.#options;
    const status = records.find()?.status ?? 'no_server';
    // A server of that name that was launched elsewhere shows up, and the launch is refused.
    if (status === 'no_server') await observer.observe(sky, false, signal, wish.name ?? CLUSTER_DEFAULTS.name);
  }

  /** @throws SkyNotInstalledError, NoCredentialsError */
  async #clouds(wish: LaunchCluster, signal: AbortSignal): Promise<{ readonly sky: Sky; readonly clouds: string[] }> {
    const sky = await this.#options.access.find(wish.sky_path, signal);
    const found = await sky.check(signal);
    const wanted = wish.cloud ?? null;
    const clouds = found.enabled_clouds.filter((cloud) => wanted === null || isSameCloud(cloud, wanted));
    if (clouds.length === 0) throw noCredentials(found, wanted);
    return { sky, clouds };
  }

  #offers(sky: Sky, clouds: readonly string[], wish: LaunchCluster, signal: AbortSignal): Promise<readonly Offer[]> {
    const { cpus = CLUSTER_DEFAULTS.cpus, memory = CLUSTER_DEFAULTS.memory } = wish;
    const size = (wish.instance_type ?? null) === null ? { cpus, memory } : { cpus: '1+', memory: '1+' };
    return sky.offers({ clouds, ...size }, signal);
  }

  #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = `SkyPilot and the clouds did not answer within ${PREFLIGHT_MS / 1000} s. Try again.`;
    return within(PREFLIGHT_MS, late, this.#options.closing, work);
  }
}

/** @throws InvalidInputError naming the first vault that cannot be mounted */
function assertMountable(reports: readonly VaultReport[]): void {
  const bad = reports.find(({ problem }) => problem !== null);
  if (bad === undefined) return;
  throw new InvalidInputError(bad.problem ?? '', { path: `vaults.${bad.vault}` });
}

/** The cheapest offer that is what was asked for; null where there is none. */
export function chooseOffer(offers: readonly Offer[], wish: LaunchCluster): Offer | null {
  const { region = null, instance_type = null } = wish;
  const fitting = offers
    .filter((offer) => region === null || offer.region === region)
    .filter((offer) => instance_type === null || offer.instance_type === instance_type);
  const priced = fitting.flatMap((offer) => {
    const price = priceOf(offer, wish);
    return price === null ? [] : [{ offer, price }];
  });
  return priced.sort((one, other) => one.price - other.price)[0]?.offer ?? fitting[0] ?? null;
}

function priceOf(offer: Offer, { use_spot = false }: LaunchCluster): number | null {
  return use_spot ? offer.spot_price_per_hour : offer.price_per_hour;
}

function machineWarnings(sky: Sky, offer: Offer | null, wish: LaunchCluster, disk: number | null): string[] {
  const { use_spot = false, autostop_minutes: minutes = CLUSTER_DEFAULTS.autostop_minutes } = wish;
  const cloud = offer?.cloud ?? wish.cloud ?? null;
  const canStop = cloud === null || sky.canStop(cloud, use_spot);
  const after = minutes === 0 ? '' : ` After ${minutes} idle minutes it is destroyed with all that is on its disk.`;
  const kind = use_spot ? 'A Spot machine there' : 'A machine there';
  return [
    ...(offer === null
      ? ['SkyPilot’s catalogs have no such machine: the launch may fail, and its price is not known.']
      : []),
    ...(canStop ? [] : [`${kind} (${cloud}) cannot be stopped, only destroyed.${after}`]),
    ...(use_spot ? ['The cloud may take a Spot machine back at any time.'] : []),
    ...(minutes === 0 ? ['Autostop is off: the server costs money until somebody stops it.'] : []),
    ...(canStop && disk !== null ? [`While it is stopped its disk costs about ${dollars(disk * 24)} a day.`] : []),
  ];
}

function vaultWarnings({ vault, secrets, ignored }: VaultReport): string[] {
  return [
    ...(secrets.count === 0
      ? []
      : [`${filesOf(secrets)} in the ${vault} vault look like keys or passwords: ${named(secrets)}.`]),
    ...(ignored.count === 0
      ? []
      : [`${filesOf(ignored)} in the ${vault} vault are mounted although a .gitignore names them: ${named(ignored)}.`]),
  ];
}

function filesOf({ count }: FileList): string {
  return count === 1 ? '1 file' : `${count} files`;
}

function named({ count, files }: FileList): string {
  const shown = files.slice(0, NAMED);
  return `${shown.join(', ')}${count > shown.length ? ` and ${count - shown.length} more` : ''}`;
}
