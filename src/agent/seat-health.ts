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
function answers(address: SeatAddress, signal: AbortSignal, answerMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    const request = get({ ...address, path: '/health', agent: false, signal: limited }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.complete && response.statusCode === 200));
    });
    request.on('error', () => resolve(false));
  });
}

/** Whether both servers of a seat answer in time. */
export async function isHealthy(servers: SeatServers, signal: AbortSignal, answerMs = ANSWER_MS): Promise<boolean> {
  const asked = [servers.terminal, servers.files].map((address) => answers(address, signal, answerMs));
  const both = await Promise.all(asked);
  return both.every((healthy) => healthy);
}

/** Waits until both servers answer. @throws the signal's reason */
export async function waitUntilHealthy(servers: SeatServers, signal: AbortSignal): Promise<void> {
  while (!(await isHealthy(servers, signal))) {
    signal.throwIfAborted();
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
