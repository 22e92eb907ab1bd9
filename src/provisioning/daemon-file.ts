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

/** Removes the file where it still names this process with this token. */
export async function removeDaemonFile(path: string, token: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return;
  }
  const file = daemonFileSchema.safeParse(parse(text));
  if (file.success && file.data.pid === process.pid && file.data.token === token) await rm(path, { force: true });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
