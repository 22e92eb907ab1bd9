/** Where Carapace keeps what it must remember on this machine. */
import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';

/** `$CARAPACE_HOME`, else `~/.carapace`. */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['CARAPACE_HOME'];
  return chosen === undefined || chosen === '' ? join(homedir(), '.carapace') : resolve(chosen);
}

/** The files and folders in the state folder, named once. */
export function statePaths(folder: string): { daemonFile: string; store: string; logs: string; worker: string } {
  return {
    daemonFile: join(folder, 'daemon.json'),
    store: join(folder, 'store.db'),
    logs: join(folder, 'logs'),
    worker: join(folder, 'worker'),
  };
}

/** Longest path of a Unix socket, sun_path in unix(7) without its final NUL. */
export const MAX_SOCKET_PATH = 107;

/** Room for `/<workshop>-<seat>/terminal.sock` behind a socket folder. */
const SOCKET_NAME_ROOM = 40;

/** A folder for Unix sockets: under the state folder where paths stay short enough, else a private one under /tmp; its name ends with `suffix`. */
export function socketFolder(folder: string, suffix = ''): string {
  const preferred = join(folder, 'run');
  if (preferred.length + suffix.length + SOCKET_NAME_ROOM <= MAX_SOCKET_PATH) return preferred + suffix;
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  return join(tmpdir(), `carapace-${userInfo().uid}-${hash}${suffix}`);
}
