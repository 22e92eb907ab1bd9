/** How many connections a server for others takes at once, so that nobody exhausts it by opening more. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { totalmem } from 'node:os';
import type { FastifyBaseLogger } from 'fastify';
import { addressKey } from '../failure-limiter.ts';

/** Connections at once; those beyond are closed before anything is read from them. */
export interface ConnectionBounds {
  readonly total: number;
  /** Of one address, as {@link addressKey} counts them. A class shares one, with ten connections or so for each learner. */
  readonly perAddress: number;
}

/** Enough for several classes: 500 learners have 5,000. */
const MOST = 20_000;

/** What one address leaves to all others, of everything. */
const SHARE = 3 / 4;

/** An idle connection by TLS costs 55 KiB of this process (measured); all of them get a quarter of the memory. */
const BYTES_EACH = 65_536;
const MEMORY_SHARE = 1 / 4;

/** Each terminal takes a second file for the way to its agent, and everything else takes some. */
const FILES_EACH = 2;
const OTHER_FILES = 500;

/** However small a machine is, a few can work on it. */
const FEWEST = 100;

/** Not more than one line about it in this time, in milliseconds. */
const TELL_EVERY_MS = 60_000;

/**
 * The bounds for a machine. Pure.
 * @param files how many files this process may have open
 * @param memoryBytes the memory of the machine
 */
export function boundsFor(files: number, memoryBytes: number): ConnectionBounds {
  const byFiles = (files - OTHER_FILES) / FILES_EACH;
  const byMemory = (memoryBytes * MEMORY_SHARE) / BYTES_EACH;
  const total = Math.max(FEWEST, Math.floor(Math.min(MOST, byFiles, byMemory)));
  return { total, perAddress: Math.floor(total * SHARE) };
}

/** The bounds for this machine and process. */
export async function connectionBounds(): Promise<ConnectionBounds> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  // Unlimited is no number, and neither is what no such file says.
  const files = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  return boundsFor(files, totalmem());
}

/** Closes what comes beyond the bounds, and says so in the log from time to time. */
export function boundConnections(server: Server, bounds: ConnectionBounds, log: FastifyBaseLogger): void {
  const open = new Map<string, number>();
  const tell = teller(log, bounds);
  server.maxConnections = bounds.total;
  server.on('drop', () => tell('all'));
  server.on('connection', (socket) => {
    const key = addressKey(socket.remoteAddress ?? '');
    const count = (open.get(key) ?? 0) + 1;
    open.set(key, count);
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1;
      if (left === 0) open.delete(key);
      else open.set(key, left);
    });
    if (count <= bounds.perAddress) return;
    tell('one address');
    socket.destroy();
  });
}

/** Says how many were closed since it last did. */
function teller(log: FastifyBaseLogger, bounds: ConnectionBounds): (whose: 'all' | 'one address') => void {
  let refused = 0;
  let toldAt = -Infinity;
  return (whose) => {
    refused += 1;
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    log.warn({ refused, of: whose, ...bounds }, 'connections refused: too many are open');
    toldAt = performance.now();
    refused = 0;
  };
}
