/** The fake's `sky` command: `node command.ts FOLDER HOME WORDS…`. Its words and its exit codes are those of 0.14.1. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { API_VERSION, behaviourOf, VERSION } from './behaviour.ts';
import { everyMachine, isThere } from './cloud.ts';
import { recordCall } from './files.ts';
import { commandRow, findRecord, readRecords, type ClusterRecord } from './records.ts';
import { writeSshEntry } from './ssh-entry.ts';

const [folder = '', home = '', ...words] = process.argv.slice(2);
const endpoint = process.env['SKYPILOT_API_SERVER_ENDPOINT'] ?? '';
const behaviour = behaviourOf(folder);
const version = behaviour.version ?? VERSION;
const START_MS = 60_000;

const print = (text: string): void => void process.stdout.write(text);

/** Ends with the line that a failure of the command ends with. */
function fail(type: string, message: string): never {
  process.stderr.write(`${type}: ${message}\n`);
  process.exit(1);
}

async function isServing(): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/api/health`)).ok;
  } catch {
    return false;
  }
}

/** Starts the API server where it does not answer, and says so, as every command does. */
async function ensureServer(): Promise<void> {
  if (await isServing()) return;
  print(`\u001b[2mFailed to connect to SkyPilot API server at ${endpoint}. Starting a local server.\u001b[0m\n`);
  if (behaviour.noServer === true) {
    fail('sky.exceptions.ApiServerConnectionError', `Could not connect to SkyPilot API server at ${endpoint}.`);
  }
  const args = [join(import.meta.dirname, 'server.ts'), folder, home, new URL(endpoint).port];
  spawn(process.execPath, args, { detached: true, stdio: 'ignore' }).unref();
  const deadline = Date.now() + START_MS;
  while (!(await isServing())) {
    if (Date.now() > deadline) fail('RuntimeError', 'Failed to start SkyPilot API server.');
    await sleep(10);
  }
  print('\u001b[0m\u001b[32m✓ SkyPilot API server started. \u001b[0m\u001b[0m\n');
}

const HEADERS = { 'X-SkyPilot-API-Version': API_VERSION, 'X-SkyPilot-Version': version };

interface Payload {
  readonly status: string;
  readonly return_value: string;
  readonly error: string;
}

/** Sends a request; answers its id. */
async function submit(path: string, body: object): Promise<string> {
  const headers = { ...HEADERS, 'content-type': 'application/json' };
  const response = await fetch(endpoint + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const told = (await response.json()) as { readonly message?: string } | null;
  if (!response.ok) fail('sky.exceptions.APIVersionMismatchError', told?.message ?? 'refused');
  return response.headers.get('x-skypilot-request-id') ?? '';
}

/** Waits for a request, showing its stream. @returns its value @throws where it failed */
async function finish(id: string, show: boolean): Promise<unknown> {
  if (show) {
    const stream = await fetch(`${endpoint}/api/stream?request_id=${id}&format=plain`, { headers: HEADERS });
    print(await stream.text());
  }
  const response = await fetch(`${endpoint}/api/get?request_id=${id}`, { headers: HEADERS });
  const answer = (await response.json()) as Payload & { readonly detail?: Payload };
  const payload = answer.detail ?? answer;
  const error = JSON.parse(payload.error) as { readonly type: string; readonly message: string } | null;
  if (error !== null) throw Object.assign(new Error(error.message), { type: error.type });
  return JSON.parse(payload.return_value);
}

async function run(path: string, body: object, show = false): Promise<unknown> {
  try {
    return await finish(await submit(path, body), show);
  } catch (error) {
    const { type, message } = error as { readonly type?: string; readonly message: string };
    return fail(type === undefined ? 'sky.exceptions.ClientError' : `sky.exceptions.${type}`, message);
  }
}

const OPTIONS = {
  version: { type: 'boolean' },
  async: { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  cluster: { type: 'string', short: 'c' },
  fast: { type: 'boolean' },
  dryrun: { type: 'boolean' },
  'no-setup': { type: 'boolean' },
  down: { type: 'boolean' },
  purge: { type: 'boolean', short: 'p' },
  cancel: { type: 'boolean' },
  'idle-minutes': { type: 'string', short: 'i' },
  output: { type: 'string', short: 'o' },
  refresh: { type: 'boolean', short: 'r' },
  verbose: { type: 'boolean', short: 'v' },
  'all-users': { type: 'boolean', short: 'u' },
  all: { type: 'boolean', short: 'a' },
  ip: { type: 'boolean' },
} as const;

const { values, positionals } = parseArgs({ args: words, options: OPTIONS, allowPositionals: true });
const isJson = values.output === 'json';
const [verb = '', ...rest] = positionals;

function json(value: unknown): void {
  print(`${JSON.stringify(value, undefined, 2)}\n`);
}

function submitted(name: string, id: string): void {
  const short = id.slice(0, 8);
  print(`Submitted sky.${name} request: ${id}\n├── Check logs with: sky api logs ${short}\n`);
  print(`└── To cancel the request, run: sky api cancel ${short}\n\n`);
}

async function launch(): Promise<void> {
  const [file = ''] = rest;
  if (!existsSync(file))
    fail('sky.exceptions.InvalidSkyPilotConfigError', `${file} looks like a yaml path but it does not exist`);
  print(`YAML to run: ${file}\n`);
  const cluster = values.cluster ?? '';
  print(`Running on cluster: ${cluster}\n`);
  const body = {
    task: readFileSync(file, 'utf8'),
    cluster_name: cluster,
    dryrun: values.dryrun ?? false,
    fast: values.fast ?? false,
    entrypoint_command: ['sky', ...words].join(' '),
  };
  if (values.async === true) {
    submitted('launch', await submit('/launch', body));
    return;
  }
  await run('/launch', body, true);
  writeEntry(cluster);
  print(values.dryrun === true ? 'Dryrun finished.\n\n' : `\n📋 Useful Commands\nCluster name: ${cluster}\n`);
}

/** What start, stop, down and autostop print of a cluster that is not there, with exit code 0. */
function missing(cluster: string): boolean {
  if (findRecord(folder, cluster) !== undefined) return false;
  const advice = verb === 'start' ? ' Do you mean to use `sky launch` to provision a new cluster?' : '';
  print(
    `Cluster(s) not found: \u001b[1m${cluster}\u001b[0m.\nCluster(s) not found (tip: see \`sky status\`).${advice}\n`,
  );
  return true;
}

/** These end with 0 whatever happened. */
async function change(path: string, name: string, body: object): Promise<void> {
  const [cluster = ''] = rest;
  if (missing(cluster)) return;
  const id = await submit(path, { cluster_name: cluster, ...body });
  if (values.async === true) {
    submitted(name, id);
    return;
  }
  try {
    await finish(id, false);
    if (name === 'start') writeEntry(cluster);
    print(`\n\n\n${name} cluster ${cluster}...done.\n`);
  } catch (error) {
    print(`\n\n\n${name} cluster ${cluster}...failed.\n${(error as Error).message}\n`);
  }
}

function machineOf(record: ClusterRecord) {
  return everyMachine(folder).find((machine) => machine.cluster === record.name && isThere(machine));
}

/** The SSH entry of a cluster that is up, as `sky status NAME` writes it anew. */
function writeEntry(cluster: string): void {
  const record = findRecord(folder, cluster);
  const machine = record && machineOf(record);
  if (record?.status === 'UP' && machine !== undefined) writeSshEntry(home, cluster, machine.ip);
}

/** Whether a name fits a pattern such as `carapace-nod[e]` or `car*`. */
function fits(name: string, pattern: string): boolean {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

async function status(): Promise<void> {
  const refresh = values.refresh === true ? 'FORCE' : 'AUTO';
  await run('/status', { cluster_names: null, refresh, include_credentials: false, include_handle: false });
  const records = readRecords(folder);
  const unknown = rest.filter((word) => !/[[*?]/.test(word) && !records.some(({ name }) => name === word));
  if (unknown.length > 0) print(`Cluster(s) not found: \u001b[1m${unknown.join(', ')}\u001b[0m.\n`);
  const shown = records.filter(({ name }) => rest.length === 0 || rest.some((pattern) => fits(name, pattern)));
  for (const { name } of shown) if (rest.length > 0) writeEntry(name);
  if (values.ip === true) {
    printAddress(shown[0]);
    return;
  }
  if (isJson) {
    json(shown.map((record) => commandRow(record, machineOf(record))));
    return;
  }
  print('Enabled Infra: aws\n\nClusters\n');
  if (shown.length === 0) {
    print(rest[0] === undefined ? 'No existing clusters.\n' : `Cluster '${rest[0]}' not found.\n`);
    return;
  }
  print('NAME           INFRA             RESOURCES                          STATUS  AUTOSTOP  LAUNCHED     \n');
  for (const { name, status: state, instanceType } of shown)
    print(`${name}  AWS (us-east-1)  ${instanceType}  ${state}\n`);
}

function printAddress(record: ClusterRecord | undefined): void {
  const [name = ''] = rest;
  if (record === undefined) {
    fail(
      'ValueError',
      `'${name}' cluster not found. Please specify a single cluster to show its IP address.\nUsage: \`sky status --ip <cluster>\``,
    );
  }
  const machine = machineOf(record);
  if (record.status !== 'UP' || machine === undefined) fail('RuntimeError', `Cluster '${name}' is not in UP status.`);
  print(`${machine.ip}\n`);
}

async function check(): Promise<void> {
  const body = { clouds: rest.length > 0 ? rest : null, verbose: values.verbose ?? false };
  const enabled = await run('/check', body, !isJson);
  if (isJson) json(enabled);
}

async function costReport(): Promise<void> {
  await ensureServer();
  json([]);
}

async function api(): Promise<void> {
  const [action = '', ...ids] = rest;
  if (action === 'info' && !(await isServing())) {
    print(
      'No SkyPilot API server is connected\n├── To connect to an existing API server: sky api login\n└── To start a local API server: sky api start\n',
    );
    return;
  }
  if (action === 'stop') {
    stopServer();
    return;
  }
  await ensureServer();
  if (action === 'start') {
    print(`\u001b[2m├── \u001b[0mSkyPilot API server and dashboard: ${endpoint}\r\n`);
    print('\u001b[2m└── \u001b[0mView API server logs at: ~/.sky/api_server/server.log\n');
  } else if (action === 'info') {
    const commit = '7e595970a806dcc9eefadf459f399edf1733e962';
    const server = { url: endpoint, status: 'healthy', version, commit, api_version: API_VERSION };
    json({ client: { version, commit }, server, user: 'root' });
  } else if (action === 'status') {
    const all = values.all === true ? '?all_status=true' : '';
    json(await (await fetch(`${endpoint}/api/status${all}`, { headers: HEADERS })).json());
  } else if (action === 'cancel') {
    await submit('/api/cancel', { request_ids: ids });
  } else if (action === 'logs') {
    const stream = await fetch(`${endpoint}/api/stream?request_id=${ids[0] ?? ''}&format=plain`, { headers: HEADERS });
    if (!stream.ok) fail('sky.exceptions.ClientError', `Failed to stream logs: Request '${ids[0] ?? ''}' not found`);
    print(await stream.text());
  }
}

function stopServer(): void {
  const { pid } = JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { readonly pid: number };
  process.kill(pid, 'SIGTERM');
}

async function main(): Promise<void> {
  recordCall(folder, { command: words });
  await sleep(behaviour.commandMs ?? 0);
  if (values.version === true) {
    print(`skypilot, version ${version}\n`);
    return;
  }
  if (verb === 'api') return api();
  await ensureServer();
  if (verb === 'status') return status();
  if (verb === 'check') return check();
  if (verb === 'launch') return launch();
  if (verb === 'cost-report') return costReport();
  if (verb === 'start') return change('/start', 'start', {});
  if (verb === 'stop') return change('/stop', 'Stopping', {});
  if (verb === 'down') return change('/down', 'Terminating', { purge: values.purge ?? false });
  if (verb === 'autostop') {
    const minutes = values.cancel === true ? -1 : Number(values['idle-minutes'] ?? '5');
    return change('/autostop', 'autostop', { idle_minutes: minutes, down: values.down ?? false });
  }
  process.stderr.write(`Error: No such command '${verb}'.\n`);
  process.exitCode = 2;
}

await main();
