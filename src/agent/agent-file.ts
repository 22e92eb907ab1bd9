/** `agent.json`: how the agent of a state folder is found while it listens. */
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { ownIdentity } from '../lib/process-identity.ts';
import { VERSION } from '../lib/version.ts';
import { agentFileSchema, type AgentFile } from '../protocol/agent.ts';

function pathIn(stateFolder: string): string {
  return join(stateFolder, 'agent.json');
}

export async function writeAgentFile(stateFolder: string, url: string): Promise<void> {
  const file: AgentFile = { url, ...ownIdentity(), version: VERSION };
  await writeFileAtomic(pathIn(stateFolder), `${JSON.stringify(file)}\n`, 0o600);
}

export async function removeAgentFile(stateFolder: string): Promise<void> {
  await rm(pathIn(stateFolder), { force: true });
}

/** The port of an agent that ended without a word; its clients may still try it. */
async function portBefore(stateFolder: string): Promise<number | undefined> {
  try {
    const file = agentFileSchema.safeParse(JSON.parse(await readFile(pathIn(stateFolder), 'utf8')));
    const port = file.success ? Number(new URL(file.data.url).port) : 0;
    return port > 0 ? port : undefined;
  } catch {
    return undefined;
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, host), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** The port to listen on: the one asked for, or in place of 0 the one of an earlier agent where it is free. */
export async function choosePort(stateFolder: string, host: string, asked: number): Promise<number> {
  if (asked !== 0) return asked;
  const before = await portBefore(stateFolder);
  return before !== undefined && (await isFree(host, before)) ? before : 0;
}
