/** What SkyPilot 0.14.1 told, to the letter, with names and numbers filled in. */
import { API_VERSION, OLDEST_CLIENT } from './behaviour.ts';
import type { InstanceType } from './catalog.ts';

export type Control = 'init' | 'start' | 'update' | 'stop' | 'exit';

const LINE = '-'.repeat(76);

/** A line for the client's spinner, which a plain stream leaves out. */
export function payload(control: Control, text = ''): string {
  const told = JSON.stringify(`<rich_${control}>${text}</rich_${control}>`);
  return `<sky-payload>${told}</sky-payload>\n`;
}

/** How a phase begins, as of SkyPilot's spinners. */
export function beginPhase(phase: string): string {
  const text = cyan(phase);
  return payload('init', text) + payload('update', text) + payload('start', text);
}

function cyan(text: string): string {
  return `[bold cyan]${text}[/]`;
}

function provisionLog(cluster: string): string {
  return `  \u001b[2mView logs: \u001b[1msky logs --provision ${cluster}\u001b[0m\u001b[0m`;
}

export function updatePhase(phase: string, cluster: string): string {
  return payload('update', cyan(phase) + provisionLog(cluster));
}

export function checkingRequest(id: string): string {
  const text = `[dim]Checking request: ${id}[/dim]`;
  return payload('init', text) + payload('start', text);
}

export function waitingForSchedule(name: string, id: string): string {
  return payload('update', `[dim]Waiting for '${name}' request to be scheduled: ${id}[/dim]`);
}

export function consideredResources(cloud: string, region: string, type: InstanceType): string {
  const infra = `${cloud} (${region})`.padEnd(17);
  const numbers = `${String(type.cpus).padEnd(7)} ${String(type.memory).padEnd(9)} -      ${type.price.toFixed(2)}`;
  return [
    'Considered resources (1 node):',
    `${LINE}\r`,
    ' INFRA             INSTANCE    vCPUs   Mem(GB)   GPUS   COST ($)   CHOSEN   \r',
    `${LINE}\r`,
    ` ${infra} ${type.name.padEnd(11)} ${numbers}       \u001b[32m   ✔\u001b[0m     \r`,
    LINE,
    '',
  ].join('\n');
}

export function launchingOn(cloud: string, region: string): string {
  return `\u001b[0m⚙︎ Launching on ${cloud} ${region}\u001b[0m (${region}a,${region}b).\n`;
}

export function restarting(cluster: string, cloud: string, region: string): string {
  return `\u001b[2mCluster '${cluster}' (status: STOPPED) was previously in ${cloud} (${region}). Restarting.\u001b[0m\n`;
}

export function restoringAutostop(cluster: string, minutes: number): string {
  return `Restoring cluster '${cluster}' with autostop set to ${minutes} minutes. To turn off autostop, run: \`sky autostop ${cluster} --cancel\`\n`;
}

export const INSTANCE_IS_UP = '\u001b[2m└── \u001b[0m\u001b[2mInstance is up.\u001b[0m\n';

export function clusterLaunched(cluster: string): string {
  return `\u001b[0m\u001b[32m✓ Cluster launched: ${cluster}.\u001b[0m\u001b[0m${provisionLog(cluster)}\n`;
}

export const SYNCING_FILES = '\u001b[0m⚙︎ Syncing files.\n';

export function syncingTo(source: string, target: string): string {
  return `  \u001b[2mSyncing (to 1 node): ${source} -> ~/.sky/file_mounts${target}\u001b[0m\n`;
}

const FILE_LOG = 'sky-2026-11-21-12-05-48-730098/file_mounts.log';

export const SYNCING_MOUNTS = payload(
  'update',
  `${cyan('Syncing file mounts')}  \u001b[2mView logs: sky api logs -l ${FILE_LOG}\u001b[0m`,
);
export const SYNCED_MOUNTS = `\u001b[0m\u001b[32m✓ Synced file_mounts.\u001b[0m\u001b[0m  \u001b[2mView logs: sky api logs -l ${FILE_LOG}\u001b[0m\n`;
export const JOB_SUBMITTED = '\u001b[0m⚙︎ Job submitted, ID: 1\n';
export const NO_RUN = 'Run commands not specified or empty.\n';
export const END_OF_STREAM = '\n\u001b[?25h';

export const MOUNT_FAILED = `Command { [ "$(whoami)" == "root" ] && function sudo() { "$@"; } || true; } && sudo mkdir -p /opt && (p=""; ... failed with return code 1.
\u001b[31mFailed to create symlinks. The target destination may already exist. Log: ~/sky_logs/${FILE_LOG}\u001b[0m
None`;

export function pathExists(path: string): string {
  return `!!! Failed mounting because path exists (${path})\n`;
}

export function doesNotExist(cluster: string): string {
  return `Cluster '${cluster}' does not exist.`;
}

/** Why no machine could be had; `reason` are further lines. A quota's and a zone's shortage are told alike. */
export function provisionFailed(region: string, reason = ''): string {
  return `\u001b[31mFailed to provision all possible launchable resources.\u001b[0m Relax the task's resource requirements: 1x AWS(cpus=4+, mem=16+, disk_size=100)
To keep retrying until the cluster is up, use the \`--retry-until-up\` flag.
Reasons for provision failures (for details, please check the log above):
Provision failures (tried 1 infra):

✗ AWS (${region}) — (cpus=4, mem=16, m6i.xlarge, ...)
  Failed to acquire resources in all zones in ${region} for {AWS(cpus=4+, mem=16+, disk_size=100)}.
${reason}`;
}

function attemptFailed(code: string, message: string): string {
  const line = `\u001b[2mW 11-21 12:13:13.039 PID=334 instance.py:415] create_instances: Attempt failed with An error occurred (${code}) when calling the RunInstances operation (reached max retries: 0): ${message}\u001b[0m\n`;
  return `${line}AWS handler error: Failed to launch instances. Max attempts exceeded.\n`;
}

/** What the log of a launch says before it fails so. */
export const NO_CAPACITY_LOG = attemptFailed(
  'InsufficientInstanceCapacity',
  'We currently do not have sufficient m6i.xlarge capacity in the Availability Zone you requested. Our system will be working on provisioning additional capacity.',
);
export const NO_QUOTA_LOG = attemptFailed(
  'VcpuLimitExceeded',
  'You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
);
export const EXPIRED_REASON =
  '  Reason: InvalidCloudCredentials: Failed to fetch IAM instance profile data for \u001b[1mskypilot-v1\u001b[0m from AWS.\n  Error code: \u001b[1mExpiredToken\u001b[0m\n';
export const EXPIRED_LOG =
  'AWS handler error: InvalidCloudCredentials: Failed to fetch IAM instance profile data for \u001b[1mskypilot-v1\u001b[0m from AWS.\nError code: \u001b[1mExpiredToken\u001b[0m\n';

export function provisionFailedLine(cluster: string): string {
  return `\u001b[0m\u001b[31m⨯\u001b[0m Failed to provision resources.${provisionLog(cluster)}\n`;
}

export const NO_OFFER = `Catalog does not contain any instances satisfying the request: 1x AWS(cpus=64+, region=us-east-1).
To fix: relax or change the resource requirements.

Hint: \u001b[1msky gpus list\u001b[0m to list available accelerators.
      \u001b[1msky check\u001b[0m to check the enabled clouds.
Hint: Check Per Resource Hint
      `;

export const NO_CLOUD_ACCESS = 'Cloud access is not set up. Run: \u001b[1msky check\u001b[0m';

/** What stop, down and a refresh fail with. */
export const REQUEST_EXPIRED =
  'An error occurred (RequestExpired) when calling the DescribeInstances operation: The security token included in the request is expired';

export function refreshFailed(cluster: string): string {
  return `\u001b[33mFailed to refresh status for 1 cluster:\u001b[0m\n  \u001b[1m${cluster}\u001b[0m: Failed to query AWS cluster '${cluster}' status: [botocore.exceptions.ClientError] ${REQUEST_EXPIRED}\n`;
}

export const RUNTIME_FAILED = 'Failed to set up SkyPilot runtime on cluster.';

export function runtimeFailedLine(cluster: string): string {
  return `\u001b[31m⨯\u001b[0m ${RUNTIME_FAILED}${provisionLog(cluster)}\n`;
}

export const SETUP_FAILED =
  'Command setup failed with return code 1.\nFailed to setup with return code 1. Check the details in log: ~/sky_logs/setup.log\nNone';

export function stopUnsupported(cloud: string, spot: boolean): string {
  return spot
    ? `Stopping spot instances is currently not supported on ${cloud}`
    : `Stopping is currently not supported for ${cloud}`;
}

/** What `sky check` prints of its clouds. */
export function checked(clouds: Readonly<Record<string, true | string>>): string {
  const lines = Object.entries(clouds).map(([cloud, state]) =>
    state === true
      ? `\u001b[32m\u001b[22m  ${cloud}: enabled [compute, storage]\u001b[0m\u001b[0m\n`
      : `\u001b[2m  ${cloud}: disabled \u001b[0m\u001b[0m\n    Reason [compute, storage]: ${state}\n`,
  );
  const enabled = Object.entries(clouds).flatMap(([cloud, state]) => (state === true ? [cloud] : []));
  const list = enabled.map((cloud) => `  \u001b[32m${cloud} [compute, storage]\u001b[0m\n`).join('');
  return `Checking credentials to enable infra for SkyPilot.
${lines.join('')}
\u001b[32m🎉 Enabled infra 🎉\u001b[0m
${list === '' ? '  No infra to check/enabled.\n' : list}\u001b[2m
To enable a cloud, follow the hints above and rerun: \u001b[0m\u001b[1msky check\u001b[0m
\u001b[2mIf any problems remain, refer to detailed docs at: https://docs.skypilot.co/en/latest/getting-started/installation.html\u001b[0m
`;
}

export function invalidName(cluster: string): string {
  return `Cluster name "${cluster}" is invalid; ensure it is fully matched by regex (e.g., only contains letters, numbers and dash): [a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?`;
}

export function health(version: string): Record<string, unknown> {
  return {
    status: 'healthy',
    api_version: API_VERSION,
    version,
    version_on_disk: version,
    commit: '7e595970a806dcc9eefadf459f399edf1733e962',
    basic_auth_enabled: false,
    user: null,
    service_account_token_enabled: false,
    ingress_basic_auth_enabled: false,
    latest_version: null,
    external_proxy_auth_enabled: true,
    telemetry_enabled: false,
    restrict_config_to_admins: true,
  };
}

export function versionMismatch(client: string, server: string): Record<string, unknown> {
  const message = `\u001b[33mYour SkyPilot client version is too old:${client}\n\u001b[0mThe server is running on ${server} and the minimum compatible version is ${OLDEST_CLIENT}.\nUpgrade your client with:\n\u001b[33mpip install -U "skypilot==${server}"\u001b[0m`;
  return { error: 'version_mismatch', message };
}
