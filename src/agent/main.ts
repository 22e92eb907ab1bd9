/** The agent's program: `node dist/agent.cjs --state-dir D --listen 127.0.0.1:0 --insecure-loopback`. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommanderError } from 'commander';
import type { Logger } from 'pino';
import { acquireFileLock } from '../lib/file-lock.ts';
import { createLog } from '../lib/log.ts';
import { MAX_SOCKET_PATH } from '../lib/state-folder.ts';
import { VERSION } from '../lib/version.ts';
import { Agent } from './agent.ts';
import { choosePort, removeAgentFile, writeAgentFile } from './agent-file.ts';
import { ensurePrivateFolder, FolderError } from './private-folder.ts';
import { Revocations } from './seats/revocations.ts';
import { SeatRegistry } from './seats/seat-registry.ts';
import { createServer } from './server.ts';
import { readSettings, UsageError, type Settings } from './settings.ts';
import { createDriver } from './vmm/create-driver.ts';
import type { VmDriver } from './vmm/driver.ts';
import { removeIfEmpty } from './vmm/process/seat-folder.ts';

const EXIT = { failed: 1, usage: 2, locked: 3 } as const;

/** Room for `/<workshop>-<seat>/terminal.sock` with the ids that control planes make; longer ones are refused one by one. */
const SOCKET_NAME_ROOM = '/ws-12345678-500/terminal.sock'.length;

/** The sibling bundle of this program. */
function workspaceProgram(): string {
  return join(dirname(realpathSync(process.argv[1] ?? '')), 'workspace.cjs');
}

/** What the agent keeps on disk, checked and ready. */
interface Folders {
  readonly state: string;
  readonly sockets: string;
}

async function prepareFolders(settings: Settings): Promise<Folders> {
  if (settings.runtime !== 'process' && process.geteuid?.() !== 0) {
    throw new UsageError(
      `An agent of ${settings.runtime} seats has to be root, which makes their networks. Start it as root, or use --runtime process.`,
    );
  }
  const state = await ensurePrivateFolder(settings.stateDir, 'state folder');
  const sockets = await ensurePrivateFolder(settings.socketDir, 'socket folder (SOCKET_DIR)');
  if (sockets.length + SOCKET_NAME_ROOM > MAX_SOCKET_PATH) {
    throw new FolderError(`The path of the socket folder ${sockets} is too long: set SOCKET_DIR to a shorter one.`);
  }
  return { state, sockets };
}

function driverOf(settings: Settings, folders: Folders, log: Logger): Promise<VmDriver> {
  return createDriver({
    runtime: settings.runtime,
    stateFolder: folders.state,
    socketFolder: folders.sockets,
    imagesFolder: settings.imagesDir,
    workspaceProgram: settings.workspaceProgram ?? workspaceProgram(),
    log,
  });
}

async function createAgent(driver: VmDriver, settings: Settings, folders: Folders, log: Logger): Promise<Agent> {
  const capacity = settings.capacity === undefined ? {} : { capacity: settings.capacity };
  const revocations = await Revocations.open(join(folders.state, 'revocations.json'));
  const seats = new SeatRegistry({ driver, log, revocations, ...capacity });
  return new Agent({ driver, seats, workerId: settings.workerId, log });
}

/** Serves until SIGTERM or SIGINT; seats live on. */
async function serve(settings: Settings, folders: Folders, log: Logger): Promise<void> {
  const ended = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.abort());
  const driver = await driverOf(settings, folders, log);
  const agent = await createAgent(driver, settings, folders, log);
  const server = createServer({ ...settings, agent, log });
  const port = await choosePort(folders.state, settings.host, settings.port);
  const url = await server.listen({ host: settings.host, port });
  await writeAgentFile(folders.state, url);
  log.info({ url, version: VERSION, runtime: driver.runtime, capacity: agent.seats.capacity }, 'agent listens');
  try {
    await agent.run(ended.signal);
  } finally {
    await agent.seats.close();
    await server.close();
    await driver.close?.();
    await removeAgentFile(folders.state);
    await removeIfEmpty(folders.sockets);
    log.info('agent ended; its seats live on');
  }
}

async function main(): Promise<number> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const folders = await prepareFolders(settings);
  const lock = acquireFileLock(join(folders.state, 'agent.lock'));
  if (lock === undefined) {
    process.stderr.write(`Another agent serves ${folders.state} already.\n`);
    return EXIT.locked;
  }
  try {
    await serve(settings, folders, createLog('agent', settings.logLevel));
    return 0;
  } finally {
    lock.release();
  }
}

/** Says in a sentence why the agent does not start. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode;
  const message = error instanceof Error ? error.message : String(error);
  const expected = error instanceof UsageError || error instanceof FolderError;
  process.stderr.write(expected ? `${message}\n` : `The agent has failed: ${message}\n`);
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => process.exit(explain(error)),
);
