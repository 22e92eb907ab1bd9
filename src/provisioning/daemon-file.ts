/** `daemon.json`: how the clients of this machine find the control plane. */
import { readFile, rm } from 'node:fs/promises';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { ownIdentity } from '../lib/process-identity.ts';
import { VERSION } from '../lib/version.ts';
import { daemonFileSchema, type DaemonFile } from '../protocol/daemon.ts';

/** Writes where this process listens, readable by the user alone. */
export async function writeDaemonFile(path: string, url: string, token: string, background: boolean): Promise<void> {
  const file: DaemonFile = { url, token, ...ownIdentity(), version: VERSION, background };
  await writeFileAtomic(path, `${JSON.stringify(file)}\n`, 0o600);
}

/**
 * The port of the control plane in the background that was killed and so has left its file: open pages and links look for
 * the next one there. Its token is not taken over: whoever listened there meanwhile may have been sent it.
 */
export async function portLeftBehind(path: string): Promise<number | undefined> {
  const file = await readDaemonFile(path);
  const port = file?.background === true ? Number(new URL(file.url).port) : 0;
  return port === 0 ? undefined : port;
}

/** Removes the file where it still names this process with this token. */
export async function removeDaemonFile(path: string, token: string): Promise<void> {
  const file = await readDaemonFile(path);
  if (file?.pid === process.pid && file.token === token) await rm(path, { force: true });
}

/** Undefined where there is none, or none that is whole. */
async function readDaemonFile(path: string): Promise<DaemonFile | undefined> {
  try {
    return daemonFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
