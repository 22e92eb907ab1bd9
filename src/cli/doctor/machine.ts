/** What `carapace doctor` says of this machine beside seats and the cloud: what the control plane itself needs. */
import { constants } from 'node:fs';
import { access, mkdir, readFile, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { once } from 'node:events';
import { isAlive } from '../../lib/process-identity.ts';
import { statePaths } from '../../lib/state-folder.ts';
import { VERSION } from '../../lib/version.ts';
import { daemonFileSchema, type DaemonFile } from '../../protocol/daemon.ts';
import { bad, well, type Finding } from './finding.ts';
import { storeFinding } from './store.ts';

/** The least of Node that all of our libraries run on. */
const NODE_FLOOR = [22, 19] as const;
/** A workshop's files, the logs and the store. */
const LEAST_FREE_BYTES = 1024 ** 3;
const DEFAULT_PORT = 8080;
const GIB = 1024 ** 3;

/** Pure, for its test. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const isEnough = major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1]);
  if (isEnough) return well('node', `Node ${version}`);
  return bad('node', `Node ${version} is too old`, `Install Node ${NODE_FLOOR.join('.')} or newer.`);
}

async function folderFinding(folder: string): Promise<Finding> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const { uid } = await stat(folder);
    if (uid === process.getuid?.()) return well('state_folder', `${folder} can be written`);
    return bad('state_folder', `${folder} belongs to another user`, 'Set CARAPACE_HOME to a folder of your own.');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const next = 'Make it a folder that you may write to, or set CARAPACE_HOME to another one.';
    return bad('state_folder', `${folder} cannot be written (${code})`, next);
  }
}

async function diskFinding(folder: string): Promise<Finding> {
  const existing = await nearest(folder);
  const { bavail, bsize } = await statfs(existing);
  const free = bavail * bsize;
  const said = `${(free / GIB).toFixed(1)} GiB free at ${existing}`;
  if (free >= LEAST_FREE_BYTES) return well('disk', said);
  return bad('disk', said, 'Free some space: at least 1 GiB, and what the seats themselves need.');
}

/** The folder, or the first one above it that is there. */
async function nearest(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch {
    return dirname(folder) === folder ? folder : nearest(dirname(folder));
  }
}

async function daemonOf(folder: string): Promise<DaemonFile | undefined> {
  try {
    return daemonFileSchema.parse(JSON.parse(await readFile(statePaths(folder).daemonFile, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Pure, for its test. */
export function daemonFinding(daemon: Pick<DaemonFile, 'url' | 'version'> | undefined): Finding {
  if (daemon === undefined) return well('control_plane', 'none runs; it is started when it is needed');
  const said = `${daemon.url}, version ${daemon.version}`;
  if (daemon.version === VERSION) return well('control_plane', said);
  const next = `This is version ${VERSION}. One that is idle is replaced by itself; else end it once its workshops are done.`;
  return bad('control_plane', said, next);
}

async function portFinding(daemon: DaemonFile | undefined): Promise<Finding> {
  const ours = daemon !== undefined && Number(new URL(daemon.url).port) === DEFAULT_PORT;
  if (ours) return well('port', `${DEFAULT_PORT} is the control plane's`);
  const server = createServer();
  try {
    await once(server.listen(DEFAULT_PORT, '127.0.0.1'), 'listening');
    return well('port', `${DEFAULT_PORT} is free for "carapace serve"`);
  } catch {
    // No defect: only `carapace serve` by hand takes this port.
    return well('port', `${DEFAULT_PORT} is taken; "carapace serve" takes --port for another one`);
  } finally {
    server.close();
  }
}

/** Looks at everything; nothing of it is kept. */
export async function examineMachine(folder: string): Promise<Finding[]> {
  const daemon = await daemonOf(folder);
  const running = daemon !== undefined && isAlive(daemon) ? daemon : undefined;
  return [
    nodeFinding(process.version),
    await folderFinding(folder),
    await diskFinding(folder),
    await storeFinding(folder),
    daemonFinding(running),
    await portFinding(running),
  ];
}

const TITLES: Readonly<Record<Finding['what'], string>> = {
  node: 'Node',
  state_folder: 'State folder',
  disk: 'Disk',
  store: 'Store',
  control_plane: 'Control plane',
  port: 'Port',
};

export function machineText(findings: readonly Finding[]): string {
  const lines = findings.map(({ what, ok, said, next }) => {
    const line = `${TITLES[what].padEnd(14)} ${ok ? 'ok  ' : 'BAD '} ${said}`;
    return next === null ? line : `${line}\n${' '.repeat(20)}${next}`;
  });
  return ['This machine:', ...lines].join('\n');
}
