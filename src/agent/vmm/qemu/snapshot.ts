/**
 * Memory snapshots. The memory itself is copied into a file, of which each restored machine has a private copy made page
 * by page on writing: QEMU neither writes nor reads it. What QEMU writes is the state of its devices, a small stream,
 * received over a socket because QEMU itself may not open files any more.
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import type { Template } from '../machine/hypervisor.ts';
import { STREAM_INSIDE, type MachineFiles } from './machine-files.ts';
import { copyMemory, openMemory } from './memory-file.ts';
import type { QmpClient } from './qmp-client.ts';
import { migrationSchema, nothingSchema } from './qmp-messages.ts';

/** How long QEMU may take to write or read the state of its devices: some hundred kilobytes. */
const MOVE_MS = 30_000;
const PAUSE_MS = 5;

/** The descriptor at which a restored machine finds the state of the devices. */
export const STATE_DESCRIPTOR = 3;

export interface SnapshotFiles {
  readonly memory: string;
  /** Written last. */
  readonly state: string;
}

export function snapshotFiles(template: Template): SnapshotFiles {
  return { memory: join(template.folder, 'memory'), state: join(template.folder, 'state') };
}

/** Leaves the shared memory out of the stream; both sides must say so. */
async function leaveMemoryOut(monitor: QmpClient): Promise<void> {
  const capabilities = [{ capability: 'x-ignore-shared', state: true }];
  await monitor.execute('migrate-set-capabilities', nothingSchema, { capabilities });
}

async function waitUntilMoved(monitor: QmpClient, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + MOVE_MS;
  for (;;) {
    const { status, 'error-desc': reason } = await monitor.execute('query-migrate', migrationSchema);
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled') {
      throw new UnavailableError(`QEMU could not move the state of the machine: ${reason ?? 'it does not say why'}.`);
    }
    if (performance.now() > deadline) {
      throw new TimedOutError(`QEMU has not moved the state of the machine within ${MOVE_MS / 1000} s.`);
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

async function listen(path: string): Promise<Server> {
  await rm(path, { force: true });
  const server = createServer({ pauseOnConnect: true });
  server.listen(path);
  await once(server, 'listening');
  // QEMU is another user by now. Others do not get here: the machine's folder is closed to them.
  await chmod(path, 0o666);
  return server;
}

async function receive(server: Server, file: string, signal: AbortSignal): Promise<void> {
  const [socket] = (await once(server, 'connection', { signal })) as [Socket];
  await pipeline(socket, createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true }), { signal });
}

async function writeState(monitor: QmpClient, files: MachineFiles, file: string, signal: AbortSignal): Promise<void> {
  const server = await listen(files.stream);
  const stop = new AbortController();
  const received = receive(server, file, AbortSignal.any([signal, stop.signal]));
  received.catch(() => undefined);
  try {
    await monitor.execute('migrate', nothingSchema, { uri: `unix:${STREAM_INSIDE}` });
    await waitUntilMoved(monitor, signal);
    await received;
  } finally {
    stop.abort();
    server.close();
    await rm(files.stream, { force: true });
  }
}

/** Pauses the machine and writes its memory and the state of its devices. It stays paused. */
export async function writeSnapshot(
  monitor: QmpClient,
  pid: number,
  files: MachineFiles,
  template: Template,
  signal: AbortSignal,
): Promise<void> {
  const { memory, state } = snapshotFiles(template);
  const source = await openMemory(pid);
  try {
    await rm(state, { force: true });
    await rm(memory, { force: true });
    await monitor.execute('stop', nothingSchema);
    await leaveMemoryOut(monitor);
    const unfinished = `${state}.part`;
    await rm(unfinished, { force: true });
    await writeState(monitor, files, unfinished, signal);
    // Only now: QEMU ends what its devices still do to the memory before it writes their state.
    await copyMemory(source, memory, signal);
    await rename(unfinished, state);
  } finally {
    await source.close();
  }
}

/** Lets a machine that waits for a snapshot's state read it from {@link STATE_DESCRIPTOR}, and go on. */
export async function readSnapshot(monitor: QmpClient, signal: AbortSignal): Promise<void> {
  await leaveMemoryOut(monitor);
  await monitor.execute('migrate-incoming', nothingSchema, { uri: `fd:${STATE_DESCRIPTOR}` });
  await waitUntilMoved(monitor, signal);
  await monitor.execute('cont', nothingSchema);
}
