/** A control plane that was started in the background ends once nobody has needed it for a while. */
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { isAtRest } from '../protocol/daemon.ts';
import type { ControlPlane } from './control-plane.ts';
import { toOperation } from './operations/journal.ts';

/** How often it is judged whether it is needed: this many times in the time after which it ends. */
const LOOKS = 20;
const MAX_LOOK_MS = 30_000;

/** Since when nothing has needed the control plane. Pure: all moments are milliseconds of one steady clock. */
export class Idleness {
  readonly #idleExitMs: number;
  #since: number;

  constructor(idleExitMs: number, now: number) {
    this.#idleExitMs = idleExitMs;
    this.#since = now;
  }

  /** Something needs it, or has just needed it. */
  used(now: number): void {
    this.#since = now;
  }

  isOver(now: number): boolean {
    return now - this.#since >= this.#idleExitMs;
  }
}

export interface IdleExitOptions {
  readonly server: Server;
  readonly controlPlane: ControlPlane;
  readonly idleExitMs: number;
  readonly log: FastifyBaseLogger;
}

/**
 * Resolves once nothing has run and nobody has asked for `idleExitMs`: no live workshop, server or operation, no request
 * and no open stream of events. From that very moment on the server takes no connection: who comes then finds none and
 * starts the next control plane. Also resolves when the control plane ends.
 * @returns whether it was idle
 */
export async function untilIdle({ server, controlPlane, idleExitMs, log }: IdleExitOptions): Promise<boolean> {
  const { closing } = controlPlane;
  const idleness = new Idleness(idleExitMs, performance.now());
  const requests = countRequests(server, () => idleness.used(performance.now()));
  const lookMs = Math.min(Math.ceil(idleExitMs / LOOKS), MAX_LOOK_MS);
  while (!closing.aborted) {
    await sleep(lookMs, undefined, { signal: closing }).catch(() => undefined);
    if (requests.open() > 0 || !hasNothingToDo(controlPlane, log)) idleness.used(performance.now());
    if (!idleness.isOver(performance.now())) continue;
    server.close();
    server.closeIdleConnections();
    return true;
  }
  return false;
}

/** Counts the requests that are being answered, streams among them; calls back at the end of each. */
function countRequests(server: Server, onEnd: () => void): { open(): number } {
  let open = 0;
  server.on('request', (_request, response) => {
    open += 1;
    response.once('close', () => {
      open -= 1;
      onEnd();
    });
  });
  return { open: () => open };
}

/** A store that cannot be read is no reason to end. */
function hasNothingToDo({ store, records, clusterRecords }: ControlPlane, log: FastifyBaseLogger): boolean {
  try {
    return isAtRest({
      workshops: records.workshops(),
      cluster: clusterRecords.cluster(),
      operations: store.operations.running().map(toOperation),
    });
  } catch (error) {
    log.warn({ err: error }, 'it cannot be told whether the control plane is needed');
    return false;
  }
}
