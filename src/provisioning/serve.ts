/** `carapace serve`: one control plane per state folder. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createLog } from '../lib/log.ts';
import type { HttpService } from '../lib/http-service.ts';
import { statePaths } from '../lib/state-folder.ts';
import { VERSION } from '../lib/version.ts';
import { DiskFullError, UnavailableError, type CarapaceError } from '../protocol/errors.ts';
import { ControlPlane } from './control-plane.ts';
import { removeDaemonFile, writeDaemonFile } from './daemon-file.ts';
import { requireLoopback } from './http/host-check.ts';
import { createControlPlaneServer } from './http/server.ts';
import { readTiming, type ServeOptions } from './settings.ts';
import { Store } from './store/store.ts';

export type { ServeOptions } from './settings.ts';

const DEFAULT_HOST = '127.0.0.1';
const TOKEN_BYTES = 32;

export interface Serving {
  readonly url: string;
  /** Stops serving and working; workers and seats live on, and the next start goes on with what runs. */
  close(): Promise<void>;
}

/**
 * Serves the state folder until it is closed.
 * @throws AlreadyRunningError where another process serves it; InvalidInputError for an address that others can reach;
 * UnavailableError where the port is taken, or the folder or the store cannot be used
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  return start(options, createLog('carapace'));
}

/** Serves until SIGTERM or SIGINT, and then ends the process with code 0. @throws as {@link serve} does */
export async function runServe(options: ServeOptions): Promise<void> {
  const log = createLog('carapace');
  const ended = Promise.withResolvers<NodeJS.Signals>();
  // Not `once`: where no listener is left, execa takes the process down with the first of its children.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve(signal));
  const serving = await start(options, log);
  log.info({ signal: await ended.promise }, 'ending');
  await serving.close();
  // Sockets that clients hold open would keep the process.
  process.exit(0);
}

async function start(options: ServeOptions, log: Logger): Promise<Serving> {
  const { stateFolder, programFolder, host = DEFAULT_HOST, port } = options;
  requireLoopback(host);
  const timing = readTiming(process.env, options.timing);
  await makePrivate(stateFolder);
  const paths = statePaths(stateFolder);
  const store = Store.open(paths.store);
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const controlPlane = new ControlPlane({ store, stateFolder, programFolder, timing, log });
  const server = createControlPlaneServer(controlPlane, token, log);
  const close = async (): Promise<void> => {
    // The streams of events end first: they would keep the server open.
    const worked = controlPlane.close();
    await server.close();
    await worked;
    await removeDaemonFile(paths.daemonFile, token);
    store.close();
  };
  try {
    const url = await listen(server, host, port);
    // Before anybody can know the token: what is begun from now on was not left by an earlier control plane.
    controlPlane.start();
    await writeDaemonFile(paths.daemonFile, url, token).catch((error: unknown) => {
      throw folderError(stateFolder, error);
    });
    log.info({ url, state_folder: stateFolder, version: VERSION }, 'serving');
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes the folder, and keeps others out of it. @throws UnavailableError, DiskFullError */
async function makePrivate(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { uid } = await stat(folder);
    if (uid !== process.getuid?.()) throw new UnavailableError(`The state folder ${folder} belongs to another user.`);
    await chmod(folder, 0o700);
  } catch (error) {
    throw folderError(folder, error);
  }
}

function folderError(folder: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const reason: Record<string, CarapaceError> = {
    ENOSPC: new DiskFullError(`The disk of the state folder ${folder} is full. Make room on it and try again.`),
  };
  const other = `The state folder ${folder} cannot be used (${error.message}). Check its path and its permissions.`;
  return reason[String(error.code)] ?? new UnavailableError(other, undefined, { cause: error });
}

/** @throws UnavailableError where the address cannot be listened on */
async function listen(server: HttpService, host: string, port: number): Promise<string> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const reason = taken ? 'is taken by another program' : 'cannot be listened on';
    throw new UnavailableError(
      `Port ${port} of ${host} ${reason}. Choose another with --port, or 0 for a free one.`,
      undefined,
      { cause: error },
    );
  }
  const address = server.server.address() as AddressInfo;
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
