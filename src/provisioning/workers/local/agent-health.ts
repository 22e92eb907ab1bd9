/** Asking the local agent how it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from '../../../client/agent.ts';
import type { AgentHealth } from '../../../protocol/agent.ts';
import { CarapaceError, TimedOutError, UnavailableError } from '../../../protocol/errors.ts';

/**
 * The agent's health, or why it cannot be told yet. Anybody may ask for that: the list of its seats shows that the agent
 * takes our token, and knows the seats of the one before it. @throws UnauthorizedError where it does not
 */
export async function healthOf(client: AgentClient, signal: AbortSignal): Promise<AgentHealth | string> {
  try {
    const health = await client.health(signal);
    await client.listVms(undefined, signal);
    return health;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnavailableError || error instanceof TimedOutError) return error.message;
    throw error;
  }
}

/** Why the agent can make no seat, as far as it tells. */
export async function problemOf(client: AgentClient, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await client.info(signal)).problem ?? undefined;
  } catch (error) {
    signal.throwIfAborted();
    // An answer that is none tells nothing either.
    if (error instanceof CarapaceError) return undefined;
    throw error;
  }
}

const POLL_MS = 200;
/** What else there is where no machines can be made. */
const INSTEAD =
  'Seats that are plain processes, which are not kept apart, can be had meanwhile: make the workshop with the runtime "process".';
/** How long an agent may be unhealthy before that is taken for its answer: it tries again by itself. */
const UNHEALTHY_PATIENCE_MS = 20_000;

export interface HealthWait {
  readonly client: AgentClient;
  readonly withinMs: number;
  readonly logFile: string;
  readonly signal: AbortSignal;
  /** Whether the agent's process lives. */
  isAlive(): boolean;
  onHealth(health: AgentHealth): void;
  /** Told once for each reason that the agent gives for making no seats. */
  onProblem(problem: string): void;
}

/** Waits until the agent can make seats. @throws UnavailableError where it ended or says why it cannot; TimedOutError */
export async function untilHealthy(wait: HealthWait): Promise<void> {
  const { client, withinMs, logFile, signal } = wait;
  const deadline = performance.now() + withinMs;
  let unhealthySince: number | undefined;
  let problem: string | undefined;
  let advice = '';
  for (;;) {
    if (!wait.isAlive()) throw new UnavailableError(`The agent of this machine ended. Its log is ${logFile}.`);
    const health = await healthOf(client, signal);
    if (typeof health !== 'string') {
      wait.onHealth(health);
      advice = health.runtime === 'process' ? '' : ` ${INSTEAD}`;
      if (health.status === 'healthy') return;
      unhealthySince = health.status === 'unhealthy' ? (unhealthySince ?? performance.now()) : undefined;
    }
    const told = unhealthySince === undefined ? undefined : await problemOf(client, signal);
    if (told !== undefined && told !== problem) wait.onProblem(told);
    problem = told ?? problem;
    if (unhealthySince !== undefined && performance.now() - unhealthySince >= UNHEALTHY_PATIENCE_MS) {
      const why = problem === undefined ? '' : ` ${problem}`;
      throw new UnavailableError(`This machine cannot make such seats.${why}${advice} The agent's log is ${logFile}.`);
    }
    const seen = typeof health === 'string' ? health : (told ?? `it says that it is ${health.status}`);
    if (performance.now() >= deadline) throw notReady(withinMs, seen, logFile, advice);
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** @param advice what else there is, with a space in front; or nothing */
export function notReady(withinMs: number, seen: string, logFile: string, advice = ''): TimedOutError {
  const why = seen.replace(/\.$/, '');
  return new TimedOutError(
    `The agent of this machine was not ready within ${withinMs / 1000} s: ${why}.${advice} Its log is ${logFile}.`,
  );
}
