/** Puts the two servers of a seat together. */
import type { Server } from 'node:net';
import type { Logger } from 'pino';
import { defaultShell, terminalEnvironment, workspaceEnvironment } from './environment.ts';
import { createFilesServer } from './files-server.ts';
import type { WatchBounds } from './files/watch-folder.ts';
import { WorkspaceRoot } from './files/workspace-root.ts';
import type { HealthSource } from './health.ts';
import { listen, stopListening, type ListenAddress } from './http/listen.ts';
import { createTerminalServer } from './terminal/terminal-server.ts';
import { Sessions } from './terminal/sessions.ts';

export interface WorkspaceServerOptions {
  /** The folder that is served, and the home of its user. */
  readonly root: string;
  readonly terminal: ListenAddress;
  readonly files: ListenAddress;
  readonly shell: string | undefined;
  readonly maxFileBytes: number;
  readonly watchBounds?: WatchBounds;
  readonly maxArchiveEntries?: number;
  readonly log: Logger;
  readonly sessionKeepMs?: number;
  readonly fullRingPauseMs?: number;
  readonly aliveCheckMs?: number;
}

/** How long shells get to end, and uploads to clean up, when the server stops. */
const STOP_GRACE_MS = 1500;

/** A server that listens. */
export interface WorkspaceServer {
  /** As `server.address()` tells them: a socket's path, or host and port. */
  readonly addresses: { readonly terminal: string; readonly files: string };
  /** Ends all shells and commands, drops all connections, removes the sockets. */
  stop(): Promise<void>;
}

/** @throws the system's error where the folder cannot be served or an address is taken; then nothing listens */
export async function startWorkspaceServer(options: WorkspaceServerOptions): Promise<WorkspaceServer> {
  const { log, maxFileBytes, watchBounds, maxArchiveEntries } = options;
  const root = await WorkspaceRoot.open(options.root);
  const shell = options.shell ?? defaultShell();
  const environment = workspaceEnvironment(root.path, shell);
  const sessions = new Sessions({
    command: [shell, '-l'],
    environment: terminalEnvironment(environment),
    cwd: root.path,
    log,
    ...(options.sessionKeepMs !== undefined && { sessionKeepMs: options.sessionKeepMs }),
    ...(options.fullRingPauseMs !== undefined && { fullRingPauseMs: options.fullRingPauseMs }),
  });
  const terminal = createTerminalServer(sessions, healthOf(sessions), log, options.aliveCheckMs);
  const files = createFilesServer(
    { root, maxFileBytes, watchBounds, maxArchiveEntries },
    { root, shell, environment },
    healthOf(sessions),
    log,
  );
  const servers = [terminal.server, files.server];
  try {
    await listen(terminal.server, options.terminal);
    await listen(files.server, options.files);
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  const addresses = { terminal: addressText(terminal.server.address()), files: addressText(files.server.address()) };
  log.info({ root: root.path, ...addresses }, 'listening');
  return {
    addresses,
    stop: async () => {
      terminal.dismiss();
      const stopped = Promise.all(servers.map(stopListening));
      await Promise.all([sessions.close(STOP_GRACE_MS), files.idle()]);
      terminal.drop();
      await stopped;
    },
  };
}

function healthOf(sessions: Sessions): HealthSource {
  return {
    get sessions() {
      return sessions.count;
    },
    get connections() {
      return sessions.connections.all;
    },
    get viewers() {
      return sessions.connections.viewers;
    },
  };
}

function addressText(address: ReturnType<Server['address']>): string {
  if (address === null || typeof address === 'string') return address ?? '';
  return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
