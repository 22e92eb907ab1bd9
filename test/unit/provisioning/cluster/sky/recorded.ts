/**
 * Answers of a real SkyPilot 0.14.1 (API version 62) whose EC2 was played by moto, shortened to what is read. Ids, names and
 * addresses are made up.
 */

/** Rows of `/status` by REST. */
export const ROWS = {
  up: {
    name: 'carapace-node',
    launched_at: 1795262783,
    status: 'UP',
    autostop: -1,
    to_down: false,
    cluster_hash: '11111111-2222-4333-8444-555555555555',
    cluster_ever_up: true,
    status_updated_at: 1795262783,
    is_managed: false,
    last_event: 'Running setup commands to install dependencies',
    resources_str: '1x(cpus=2, mem=8, m6i.large, ...)',
    resources_str_full: '1x(cpus=2, mem=8, m6i.large, disk=50)',
    nodes: 1,
    cloud: 'AWS',
    region: 'us-east-1',
    cpus: '2.0',
    memory: '8.0',
    priority: 0,
  },
  init: {
    name: 'carapace-node',
    launched_at: 1795263650,
    status: 'INIT',
    autostop: -1,
    to_down: false,
    cluster_hash: '044466d3-09f2-406d-b8c9-3ae117ed6169',
    cluster_ever_up: false,
    status_updated_at: 1795263650,
    is_managed: false,
    last_event: 'Instances launched on aws in us-east-1',
    init_kind: 'launching',
    init_status_reason: 'Instances launched on aws in us-east-1',
    resources_str: '1x(cpus=2, mem=8, m6i.large, ...)',
    resources_str_full: '1x(cpus=2, mem=8, m6i.large, disk=50)',
    nodes: 1,
    cloud: 'AWS',
    region: 'us-east-1',
    cpus: '2.0',
    memory: '8.0',
    priority: 0,
  },
  stopped: {
    name: 'carapace-node',
    launched_at: 1795262894,
    status: 'STOPPED',
    autostop: -1,
    to_down: false,
    cluster_hash: '11111111-2222-4333-8444-555555555555',
    cluster_ever_up: true,
    status_updated_at: 1795262929,
    is_managed: false,
    last_event: 'Cluster was stopped by user teacher (request ID: aaaaaaaa-0000-4000-8000-000000000002).',
    resources_str: '1x(cpus=2, mem=8, m6i.large, ...)',
    resources_str_full: '1x(cpus=2, mem=8, m6i.large, disk=50)',
    nodes: 1,
    cloud: 'AWS',
    region: 'us-east-1',
    cpus: '2.0',
    memory: '8.0',
    priority: 0,
  },
  autostop: {
    name: 'carapace-node',
    launched_at: 1795262894,
    status: 'UP',
    autostop: 10,
    to_down: false,
    cluster_hash: '11111111-2222-4333-8444-555555555555',
    cluster_ever_up: true,
    status_updated_at: 1795262894,
    is_managed: false,
    last_event: 'Cluster successfully provisioned with 1 nodes',
    resources_str: '1x(cpus=2, mem=8, m6i.large, ...)',
    resources_str_full: '1x(cpus=2, mem=8, m6i.large, disk=50)',
    nodes: 1,
    cloud: 'AWS',
    region: 'us-east-1',
    cpus: '2.0',
    memory: '8.0',
    priority: 0,
  },
} as const;

/** What the command line printed. */
export const PRINTED = {
  statusWithoutServer:
    '\u001b[2mFailed to connect to SkyPilot API server at http://127.0.0.1:46580. Starting a local server.\u001b[0m\n\u001b[0m\u001b[32m✓ SkyPilot API server started. \u001b[0m\u001b[0m\n[]\n',
  statusOfUnknown: 'Cluster(s) not found: \u001b[1mcarapace-node\u001b[0m.\n[]\n',
  statusUp:
    '\n[\n  {\n    "name": "carapace-node",\n    "launched_at": 1795262783,\n    "status": "UP",\n    "autostop": -1,\n    "to_down": false,\n    "cluster_hash": "11111111-2222-4333-8444-555555555555",\n    "last_event": null,\n    "init_kind": null,\n    "init_status_reason": null,\n    "resources_str": "1x(cpus=2, mem=8, m6i.large, ...)",\n    "resources_str_full": "1x(cpus=2, mem=8, m6i.large, disk=50)",\n    "cloud": "AWS",\n    "region": "us-east-1"\n  }\n]\n',
  statusNone: '[]\n',
  address: '203.0.113.7\n',
  launch:
    'YAML to run: /home/teacher/node.yaml\nRunning on cluster: carapace-node\nSubmitted sky.launch request: aaaaaaaa-0000-4000-8000-000000000001\n├── Check logs with: sky api logs aaaaaaaa\n└── To cancel the request, run: sky api cancel aaaaaaaa\n\n',
  stopAsync:
    "\n\nSubmitted sky.Stopping request: 142b4699-4116-44a9-ab62-8000eb16851c\n├── Check logs with: sky api logs 142b4699\n└── To cancel the request, run: sky api cancel 142b4699\n\n\nStopping cluster carapace-node...done.\n  To restart the cluster, run: sky start carapace-node\nStopping 1 cluster ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100% 0:00:00\nStopping requests are sent. Check the requests' status with `sky request get <request_id>`.\n",
  stopOfUnknown:
    'Cluster(s) not found: \u001b[1mcarapace-node\u001b[0m.\nCluster(s) not found (tip: see `sky status`).\n',
  badName:
    'sky.exceptions.InvalidClusterNameError: Cluster name "carapace_node!" is invalid; ensure it is fully matched by regex (e.g., only contains letters, numbers and dash): [a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?\n',
  addressOfUnknown:
    "ValueError: 'carapace-node' cluster not found. Please specify a single cluster to show its IP address.\nUsage: `sky status --ip <cluster>`\n",
  version: 'skypilot, version 0.14.1\n',
} as const;

/** `error` of requests that failed, and the answer to a client that is too old. */
export const FAILURES = {
  gone: { type: 'ClusterDoesNotExist', message: "Cluster 'carapace-node' does not exist." },
  catalog: {
    type: 'ResourcesUnavailableError',
    message:
      'Catalog does not contain any instances satisfying the request: 1x AWS(cpus=64+, region=us-east-1).\nTo fix: relax or change the resource requirements.\n\nHint: \u001b[1msky gpus list\u001b[0m to list available accelerators.\n      \u001b[1msky check\u001b[0m to check the enabled clouds.\nHint: Check Per Resource Hint\n      ',
  },
  capacity: {
    type: 'ResourcesUnavailableError',
    message:
      "\u001b[31mFailed to provision all possible launchable resources.\u001b[0m Relax the task's resource requirements: 1x AWS(cpus=2+, mem=8+, disk_size=50)\nTo keep retrying until the cluster is up, use the `--retry-until-up` flag.\nReasons for provision failures (for details, please check the log above):\nProvision failures (tried 1 infra):\n\n✗ AWS (us-east-1) — (cpus=2, mem=8, m6i.large, ...)\n  Failed to acquire resources in all zones in us-east-1 for {AWS(cpus=2+, mem=8+, disk_size=50)}.\n",
  },
  credentials: {
    type: 'ResourcesUnavailableError',
    message:
      "\u001b[31mFailed to provision all possible launchable resources.\u001b[0m Relax the task's resource requirements: 1x AWS(cpus=2+, mem=8+, disk_size=50)\nTo keep retrying until the cluster is up, use the `--retry-until-up` flag.\nReasons for provision failures (for details, please check the log above):\nProvision failures (tried 1 infra):\n\n✗ AWS (us-east-1) — (cpus=2, mem=8, m6i.large, ...)\n  Failed to acquire resources in all zones in us-east-1 for {AWS(cpus=2+, mem=8+, disk_size=50)}.\n  Reason: InvalidCloudCredentials: Failed to fetch IAM instance profile data for \u001b[1mskypilot-v1\u001b[0m from AWS.\n  Error code: \u001b[1mExpiredToken\u001b[0m\n",
  },
  mounts: {
    type: 'CommandError',
    message:
      'Command { [ "$(whoami)" == "root" ] && function sudo() { "$@"; } || true; } && sudo mkdir -p /opt && (p=""; ... failed with return code 1.\n\u001b[31mFailed to create symlinks. The target destination may already exist. Log: ~/sky_logs/sky-2026-11-21-12-13-43-404080/file_mounts.log\u001b[0m\nNone',
  },
  spotStop: {
    type: 'NotSupportedError',
    message:
      "\u001b[33mStopping cluster 'carapace-node'... skipped.\u001b[0m\n  Stopping spot instances is currently not supported on AWS.\n  To terminate the cluster instead, run: \u001b[1msky down carapace-node",
  },
  noClouds: { type: 'NoCloudAccessError', message: 'Cloud access is not set up. Run: \u001b[1msky check\u001b[0m' },
  tooOld: {
    error: 'version_mismatch',
    message:
      '\u001b[33mYour SkyPilot client version is too old:0.9.0\n\u001b[0mThe server is running on 0.14.1 and the minimum compatible version is 0.11.0.\nUpgrade your client with:\n\u001b[33mpip install -U "skypilot==0.14.1"\u001b[0m',
  },
} as const;

/** `/api/stream?format=console` of a launch, whole. */
export const LAUNCH_STREAM =
  '<sky-payload>"<rich_init>[dim]Checking request: aaaaaaaa-0000-4000-8000-000000000001[/dim]</rich_init>"</sky-payload>\n<sky-payload>"<rich_start>[dim]Checking request: aaaaaaaa-0000-4000-8000-000000000001[/dim]</rich_start>"</sky-payload>\n<sky-payload>"<rich_update>[dim]Waiting for \'sky.launch\' request to be scheduled: aaaaaaaa-0000-4000-8000-000000000001[/dim]</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[dim]Waiting for \'sky.launch\' request to be scheduled: aaaaaaaa-0000-4000-8000-000000000001[/dim]</rich_update>"</sky-payload>\n<sky-payload>"<rich_stop></rich_stop>"</sky-payload>\n<sky-payload>"<rich_init>[bold cyan]Optimizing[/]</rich_init>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Optimizing[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Optimizing[/]</rich_start>"</sky-payload>\nConsidered resources (1 node):\n----------------------------------------------------------------------------\n INFRA             INSTANCE    vCPUs   Mem(GB)   GPUS   COST ($)   CHOSEN   \n----------------------------------------------------------------------------\n AWS (us-east-1)   m6i.large   2       8         -      0.10       \u001b[32m   ✔\u001b[0m     \n----------------------------------------------------------------------------\n<sky-payload>"<rich_exit></rich_exit>"</sky-payload>\n<sky-payload>"<rich_init>[bold cyan]Launching[/]</rich_init>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Launching[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Launching[/]</rich_start>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Launching[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Launching[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Launching[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n\u001b[0m⚙︎ Launching on AWS us-east-1\u001b[0m (us-east-1a,us-east-1b).\n<sky-payload>"<rich_update>[bold cyan]Launching - Checking instance status[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Launching - Waiting for SSH access[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Launching[/]</rich_start>"</sky-payload>\n\u001b[2m└── \u001b[0m\u001b[2mInstance is up.\u001b[0m\n<sky-payload>"<rich_update>[bold cyan]Preparing SkyPilot runtime (1/3 - initializing)[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Preparing SkyPilot runtime (2/3 - dependencies)[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Preparing SkyPilot runtime (3/3 - runtime)[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Launching - Checking instance status[/]  \\u001b[2mView logs: \\u001b[1msky logs --provision carapace-node\\u001b[0m\\u001b[0m</rich_update>"</sky-payload>\n\u001b[0m\u001b[32m✓ Cluster launched: carapace-node.\u001b[0m\u001b[0m  \u001b[2mView logs: \u001b[1msky logs --provision carapace-node\u001b[0m\u001b[0m\n<sky-payload>"<rich_exit></rich_exit>"</sky-payload>\n\u001b[0m⚙︎ Syncing files.\n<sky-payload>"<rich_init>[bold cyan]Syncing files[/]</rich_init>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Syncing files[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Syncing files[/]</rich_start>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Syncing file mounts[/]  \\u001b[2mView logs: sky api logs -l sky-2026-11-21-12-05-48-730098/file_mounts.log\\u001b[0m</rich_update>"</sky-payload>\n  \u001b[2mSyncing (to 1 node): /home/teacher/public -> ~/.sky/file_mounts/opt/carapace/data/public\u001b[0m\n  \u001b[2mSyncing (to 1 node): /home/teacher/private -> ~/.sky/file_mounts/opt/carapace/data/private\u001b[0m\n\u001b[0m\u001b[32m✓ Synced file_mounts.\u001b[0m\u001b[0m  \u001b[2mView logs: sky api logs -l sky-2026-11-21-12-05-48-730098/file_mounts.log\u001b[0m\n<sky-payload>"<rich_exit></rich_exit>"</sky-payload>\n<sky-payload>"<rich_init>[bold cyan]Running setup[/]</rich_init>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Running setup[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Running setup[/]</rich_start>"</sky-payload>\n<sky-payload>"<rich_exit></rich_exit>"</sky-payload>\n<sky-payload>"<rich_init>[bold cyan]Submitting job[/]</rich_init>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Submitting job[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Submitting job[/]</rich_start>"</sky-payload>\nRun commands not specified or empty.\n<sky-payload>"<rich_exit></rich_exit>"</sky-payload>\n\n\u001b[?25h';

/** The log of a launch that met the account's quota, its last lines. */
export const QUOTA_LOG =
  '\u001b[2mW 11-21 12:13:22.334 PID=334 instance.py:415] create_instances: Attempt failed with An error occurred (VcpuLimitExceeded) when calling the RunInstances operation (reached max retries: 0): You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.\u001b[0m\n\u001b[2mW 11-21 12:13:22.347 PID=334 instance.py:415] create_instances: Attempt failed with An error occurred (VcpuLimitExceeded) when calling the RunInstances operation (reached max retries: 0): You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.\u001b[0m\nAWS handler error: Failed to launch instances. Max attempts exceeded.\nsky.exceptions.ResourcesUnavailableError: Failed to acquire resources in all zones in us-east-1 for {AWS(cpus=2+, mem=8+, disk_size=50)}. \n\n\u001b[0m\u001b[33m↺\u001b[0m Trying other potential resources.\n<sky-payload>"<rich_update>[bold cyan]Looking for resources[/]  \\u001b[2mView logs: sky api logs -l sky-2026-11-21-12-13-20-185403/provision.log\\u001b[0m</rich_update>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Optimizing[/]</rich_update>"</sky-payload>\n<sky-payload>"<rich_start>[bold cyan]Launching[/]</rich_start>"</sky-payload>\n<sky-payload>"<rich_update>[bold cyan]Looking for resources[/]  \\u001b[2mView logs: sky api logs -l sky-2026-11-21-12-13-20-185403/provision.log\\u001b[0m</rich_update>"</sky-payload>\n\u001b[0m\u001b[31m⨯\u001b[0m Failed to provision resources. \u001b[2mView logs: \u001b[1msky logs --provision carapace-node\u001b[0m\u001b[0m\n<sky-payload>"<rich_exit></rich_exit>"</sky-payload>\n\n\u001b[?25h';

/** What a refresh printed whose credentials had expired, while it answered the old status. */
export const NOT_REFRESHED =
  "token included in the request is expired. Retrying.\nCaught An error occurred (RequestExpired) when calling the DescribeInstances operation: The security token included in the request is expired. Retrying.\n\n\u001b[33mFailed to refresh status for 1 cluster:\u001b[0m\n  \u001b[1mcarapace-node\u001b[0m: Failed to query AWS cluster 'carapace-node' status: [botocore.exceptions.ClientError] An error occurred (RequestExpired) when calling the DescribeInstances operation: The security token included in the request is expired";

/** `sky check` where nobody is signed in to a cloud, some of its clouds. */
export const CHECK_TEXT =
  "Checking credentials to enable infra for SkyPilot.\n\u001b[2m  AWS: disabled \u001b[0m\u001b[0m\n    Reason [compute, storage]: AWS credentials are not set. Run the following commands:\n      $ aws configure\n      $ aws configure list  # Ensure that this shows identity is set.\n    For more info: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-quickstart.html\n    Details: `aws sts get-caller-identity` failed with error: [botocore.exceptions.NoCredentialsError] Unable to locate credentials.\n\u001b[2m  Azure: disabled \u001b[0m\u001b[0m\n    Reason [compute, storage]: ~/.azure/msal_token_cache.json does not exist. Run the following commands:\n      $ az login\n      $ az account set -s <subscription_id>\n    For more info: https://docs.microsoft.com/en-us/cli/azure/get-started-with-azure-cli\n\u001b[2m  Cloudflare: disabled \u001b[0m\u001b[0m\n    Reason [compute, storage]: [r2] profile is not set in ~/.cloudflare/r2.credentials. Additionally, Account ID from R2 dashboard is not set. Run the following commands:\n      $ pip install boto3\n      $ AWS_SHARED_CREDENTIALS_FILE=~/.cloudflare/r2.credentials aws configure --profile r2\n      $ mkdir -p ~/.cloudflare\n      $ echo <YOUR_ACCOUNT_ID_HERE> > ~/.cloudflare/accountid\n    For more info: https://docs.skypilot.co/en/latest/getting-started/installation.html#cloudflare-r2\n\u001b[2m  DO: disabled \u001b[0m\u001b[0m\n    Reason [compute]: ModuleNotFoundError: No module named 'azure'\n\u001b[2m  GCP: disabled \u001b[0m\u001b[0m\n    Reason [compute, storage]: GCP tools are not installed. Run the following commands:\n      $ pip install google-api-python-client\n      $ conda install -c conda-forge google-cloud-sdk -y\n     If gcloud was recently installed with wget, API server may need to be restarted with following commands:\n      $ sky api stop; sky api start\n    Credentials may also need to be set. Run the following commands:\n      $ gcloud init\n      $ gcloud auth application-default login\n    For more info: https://docs.skypilot.co/en/latest/getting-started/installation.html#google-cloud-platform-gcp\n    Details: [ImportError] cannot import name 'auth' from 'google' (unknown location)\n\u001b[2m  Lambda: disabled \u001b[0m\u001b[0m\n    Reason [compute]: Failed to access Lambda Cloud with credentials. To configure credentials, go to:\n      https://cloud.lambdalabs.com/api-keys\n    to generate API key and add the line\n      api_key = [YOUR API KEY]\n    to ~/.lambda_cloud/lambda_keys\n\u001b[2m  Nebius: disabled \u001b[0m\u001b[0m\n    Reason [compute]: Credentials can be set up by running: \n      $ nebius iam get-access-token > ~/.nebius/NEBIUS_IAM_TOKEN.txt \n     or generate  ~/.nebius/credentials.json\n    Reason [storage]: [nebius] profile is not set in ~/.aws/credentials. Run the following commands:\n      $ pip install boto3\n      $ aws configure --profile nebius\n    For more info: https://docs.skypilot.co/en/latest/getting-started/installation.html#nebius\n\u001b[2m  RunPod: disabled \u001b[0m\u001b[0m\n    Reason [compute]: Failed to import runpod or TOML parser. Install: pip install \"skypilot[runpod]\".\n\u001b[32m🎉 Enabled infra 🎉\u001b[0m\n  No infra to check/enabled.\n\u001b[2m\nTo enable a cloud, follow the hints above and rerun: \u001b[0m\u001b[1msky check\u001b[0m\n\u001b[2mIf any problems remain, refer to detailed docs at: https://docs.skypilot.co/en/latest/getting-started/installation.html\u001b[0m\n\nUsing SkyPilot API server: http://127.0.0.1:46580\n";
