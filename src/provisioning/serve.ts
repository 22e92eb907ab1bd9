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
import { portLeftBehind, removeDaemonFile, writeDaemonFile } from './daemon-file.ts';
import { untilIdle } from './idle-exit.ts';
import { BROWSER_FILES, readBrowserFiles } from './http/browser-files.ts';
import { boundConnections, connectionBounds } from './http/connection-bounds.ts';
import { createControlPlaneServer } from './http/server.ts';
import { readPublicServing } from './public-site.ts';
import { readTiming, type ServeOptions } from './settings.ts';
import { Store } from './store/store.ts';

export type { ServeOptions } from './settings.ts';

const DEFAULT_HOST = '127.0.0.1';
const TOKEN_BYTES = 32;

export interface Serving {
  /** Where it is reached; for a server for others, by them. */
  readonly url: string;
  /** Resolves once it was started in the background and nobody needs it any more. */
  readonly idle: Promise<unknown>;
  /** Stops serving and working; workers and seats live on, and the next start goes on with what runs. */
  close(): Promise<void>;
}

/**
 * Serves the state folder until it is closed.
 * @throws AlreadyRunningError where another process serves it; InvalidInputError for an address that others can reach,
 * where TLS or the token is missing; UnavailableError where the port is taken, or the folder or the store cannot be used
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  return start(options, createLog('carapace'));
}

/**
 * Serves until SIGTERM or SIGINT, in the background also until nobody needs it, and then ends the process with code 0.
 * @throws as {@link serve} does
 */
export async function runServe(options: ServeOptions): Promise<void> {
  const log = createLog('carapace');
  const ended = Promise.withResolvers<NodeJS.Signals | 'idle'>();
  // Not `once`: where no listener is left, execa takes the process down with the first of its children.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ended.resolve(signal));
  const serving = await start(options, log);
  void serving.idle.then(() => ended.resolve('idle'));
  log.info({ because: await ended.promise }, 'ending');
  await serving.close();
  // Sockets that clients hold open would keep the process.
  process.exit(0);
}

async function start(options: ServeOptions, log: Logger): Promise<Serving> {
  const { stateFolder, programFolder, host = DEFAULT_HOST, port, background = false } = options;
  const publicly = await readPublicServing(host, options);
  const timing = readTiming(process.env, options.timing);
  await makePrivate(stateFolder);
  const paths = statePaths(stateFolder);
  const store = Store.open(paths.store);
  const token = publicly?.token ?? randomBytes(TOKEN_BYTES).toString('base64url');
  const exposure = publicly && { site: publicly.site, refusesProcesses: true };
  const part = { store, stateFolder, programFolder, timing, log };
  const controlPlane = new ControlPlane(exposure === undefined ? part : { ...part, exposure });
  // The clients of this machine find it on a loopback address, whatever others call it.
  const pages = readBrowserFiles(programFolder);
  const missing = BROWSER_FILES.filter((name) => !pages.has(name));
  if (missing.length > 0) log.warn({ missing }, 'this installation has no pages for browsers');
  const common = { token, log, pages };
  const server = createControlPlaneServer(controlPlane, common);
  const outer = publicly && createControlPlaneServer(controlPlane, { ...common, publicly });
  if (outer !== undefined) boundConnections(outer.server, await connectionBounds(), log);
  const close = async (): Promise<void> => {
    // The streams of events end first: they would keep the server open.
    const worked = controlPlane.close();
    await Promise.all([server.close(), outer?.close()]);
    await worked;
    await removeDaemonFile(paths.daemonFile, token);
    store.close();
  };
  try {
    if (outer !== undefined) publicly?.listensAt(await listen(outer, host, port, 'https'));
    const left = background && port === 0 ? await portLeftBehind(paths.daemonFile) : undefined;
    const url =
      outer === undefined ? await listenAgain(server, host, left, port) : await listen(server, DEFAULT_HOST, 0);
    // Before anybody can know the token: what is begun from now on was not left by an earlier control plane.
    controlPlane.start();
    await writeDaemonFile(paths.daemonFile, url, token, background).catch((error: unknown) => {
      throw folderError(stateFolder, error);
    });
    const told =
      publicly === undefined ? {} : { public_url: publicly.site.url(), certificate_sha256: publicly.fingerprint };
    log.info({ url, ...told, state_folder: stateFolder, version: VERSION }, 'serving');
    const idle = Promise.withResolvers<undefined>();
    if (background) {
      const { idleExitMs } = timing;
      const watched = untilIdle({ server: server.server, controlPlane, idleExitMs, log });
      void watched.then((isIdle) => isIdle && idle.resolve(undefined));
    }
    return { url: publicly?.site.url() ?? url, idle: idle.promise, close };
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

/** Listens where the one before did, if that can still be had, else on the other port. @throws as {@link listen} does */
async function listenAgain(server: HttpService, host: string, left: number | undefined, port: number): Promise<string> {
  if (left !== undefined) {
    try {
      return await listen(server, host, left);
    } catch (error) {
      server.log.warn({ err: error, port: left }, 'the port of the control plane before cannot be had again');
    }
  }
  return listen(server, host, port);
}

/** @throws UnavailableError where the address cannot be listened on */
async function listen(server: HttpService, host: string, port: number, scheme = 'http'): Promise<string> {
  try {
    const listenTextResolver = (address: string): string => `listening at ${address.replace('http:', `${scheme}:`)}`;
    await server.listen({ host, port, listenTextResolver });
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
  return `${scheme}://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
