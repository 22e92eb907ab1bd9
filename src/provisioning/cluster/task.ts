/** The task that SkyPilot is given: what machine, which folders on it, and how little is done there. Pure. */
import { stringify } from 'yaml';
import {
  CLUSTER_DEFAULTS,
  REMOTE_DATA_FOLDER,
  VAULTS,
  type LaunchCluster,
  type VaultPaths,
} from '../../protocol/cluster.ts';

/** Makes the folder above the vaults, and makes it the user's; a vault's own folder is made by mounting it. */
const SETUP = `set -e
test -d "$CARAPACE_DATA" || mkdir -p "$CARAPACE_DATA" 2>/dev/null || sudo mkdir -p "$CARAPACE_DATA"
test -w "$CARAPACE_DATA" || sudo chown "$(id -u):$(id -g)" "$CARAPACE_DATA"
`;
/** Tells in SkyPilot's log of jobs that a launch, a start or a sync came to its end. */
const RUN = 'echo "$CARAPACE_SERVER is ready"\n';

/** What is not in {@link LaunchCluster}. */
export interface TaskOptions {
  /** Autostop destroys the server: for machines that the cloud cannot stop. */
  readonly down: boolean;
  /** Whether the vaults are mounted; true where absent. */
  readonly mount?: boolean;
}

/** The task as YAML. What is null or absent in the wish is SkyPilot's choice or {@link CLUSTER_DEFAULTS}. */
export function taskYaml(wish: LaunchCluster, { down, mount = true }: TaskOptions): string {
  const name = wish.name ?? CLUSTER_DEFAULTS.name;
  const mounts = mount ? fileMounts(wish.vaults ?? {}) : {};
  const task = {
    name,
    resources: resourcesOf(wish, down),
    ...(Object.keys(mounts).length > 0 && { file_mounts: mounts }),
    envs: { CARAPACE_SERVER: name, CARAPACE_DATA: REMOTE_DATA_FOLDER },
    setup: SETUP,
    run: RUN,
  };
  return stringify(task, { lineWidth: 0 });
}

function resourcesOf(wish: LaunchCluster, down: boolean): Record<string, unknown> {
  const infra = infraOf(wish);
  const minutes = wish.autostop_minutes ?? CLUSTER_DEFAULTS.autostop_minutes;
  const type = wish.instance_type ?? null;
  // A type has its size; SkyPilot refuses one that contradicts a size asked for beside it.
  const size =
    type === null
      ? { cpus: wish.cpus ?? CLUSTER_DEFAULTS.cpus, memory: wish.memory ?? CLUSTER_DEFAULTS.memory }
      : { instance_type: type };
  return {
    ...(infra !== undefined && { infra }),
    ...size,
    disk_size: wish.disk_size ?? CLUSTER_DEFAULTS.disk_size,
    use_spot: wish.use_spot ?? CLUSTER_DEFAULTS.use_spot,
    ...(minutes > 0 && { autostop: { idle_minutes: minutes, down } }),
  };
}

/** SkyPilot's `CLOUD/REGION`, with `*` for any cloud. */
function infraOf({ cloud = null, region = null }: LaunchCluster): string | undefined {
  if (cloud === null && region === null) return undefined;
  return region === null ? (cloud ?? undefined) : `${cloud ?? '*'}/${region}`;
}

function fileMounts(vaults: VaultPaths): Record<string, string> {
  const mounted = VAULTS.flatMap((vault) => {
    const path = vaults[vault];
    return path === undefined ? [] : [[`${REMOTE_DATA_FOLDER}/${vault}`, path] as const];
  });
  return Object.fromEntries(mounted);
}
