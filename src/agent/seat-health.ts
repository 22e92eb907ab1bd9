/** Asks the two servers of a seat whether they are well. */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeatAddress } from './vmm/driver.ts';

/** How long one question may take, in milliseconds. */
const ANSWER_MS = 3_000;

/** Between two questions to a seat that is starting. */
const PAUSE_MS = 20;

/** The two servers of a seat. */
export interface SeatServers {
  readonly terminal: SeatAddress;
  readonly files: SeatAddress;
}

/** Whether `GET /health` is answered with 200 in time. */
function answers(address: SeatAddress, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const request = get({ ...address, path: '/health', agent: false, signal: limited }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.complete && response.statusCode === 200));
    });
    request.on('error', () => resolve(false));
  });
}

/** Whether both servers of a seat answer. */
export async function isHealthy(servers: SeatServers, signal: AbortSignal): Promise<boolean> {
  const both = await Promise.all([answers(servers.terminal, signal), answers(servers.files, signal)]);
  return both.every((healthy) => healthy);
}

/** Waits until both servers answer. @throws the signal's reason */
export async function waitUntilHealthy(servers: SeatServers, signal: AbortSignal): Promise<void> {
  while (!(await isHealthy(servers, signal))) {
    signal.throwIfAborted();
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
