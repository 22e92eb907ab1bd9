/**
 * The worker that is this machine: one agent, started when the first seat needs it and ended after the last. It outlives
 * the control plane; the next one adopts it. What it is started with is in the store before it is started.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { AgentClient } from '../../../client/agent.ts';
import { isAlive } from '../../../lib/process-identity.ts';
import type { AgentFile, AgentHealth } from '../../../protocol/agent.ts';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import { timestamp } from '../../clock.ts';
import { untilAborted } from '../../operations/abort.ts';
import type { OperationContext } from '../../operations/handler.ts';
import type { Timing } from '../../settings.ts';
import type { Store } from '../../store/store.ts';
import type { Records } from '../../workshop/records.ts';
import {
  endProcesses,
  findAgents,
  readAgentFile,
  startAgent,
  type AgentPlace,
  type AgentSecrets,
} from './agent-process.ts';
import { removeLeftovers } from './leftovers.ts';
import { Mutex } from './mutex.ts';

/** The name of the only local worker. */
export const LOCAL_WORKER = 'local';

/** How long an agent that was found may take to tell where it listens. */
const ADOPT_MS = 10_000;
const POLL_MS = 100;
/** How often a call is made again after the agent died under it. */
const MAX_RESTARTS = 2;

/** On whose behalf the worker works: an operation, or the control plane itself. */
export type Work = Pick<OperationContext, 'signal' | 'step' | 'progress'>;

/** Work that no operation stands for. */
export function ownWork(signal: AbortSignal): Work {
  return { signal, step: async (_name, work) => work(), progress: () => undefined };
}

/** What an agent is needed for. */
export type Purpose = 'make' | 'remove';

/** The agent, while somebody holds it. */
export interface HeldAgent {
  /** Calls the agent; where it died, it is started again and called again. */
  call<T>(action: (client: AgentClient, signal: AbortSignal) => Promise<T>): Promise<T>;
}

interface Agent {
  readonly file: AgentFile;
  readonly client: AgentClient;
}

export interface LocalWorkerOptions {
  readonly store: Store;
  readonly records: Records;
  readonly place: AgentPlace;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
}

export class LocalWorker {
  readonly #store: Store;
  readonly #records: Records;
  readonly #place: AgentPlace;
  readonly #timing: Timing;
  readonly #log: FastifyBaseLogger;
  readonly #mutex = new Mutex();
  #agent: Agent | undefined;
  #holders = 0;

  constructor(options: LocalWorkerOptions) {
    this.#store = options.store;
    this.#records = options.records;
    this.#place = options.place;
    this.#timing = options.timing;
    this.#log = options.log;
  }

  /**
   * Runs `action` with an agent that is not ended meanwhile.
   * @param purpose an agent that cannot make seats can still remove them
   * @throws UnavailableError, TimedOutError where none starts
   */
  async hold<T>(work: Work, purpose: Purpose, action: (agent: HeldAgent) => Promise<T>): Promise<T> {
    this.#holders += 1;
    try {
      return await action({ call: (call) => this.#call(work, purpose, call) });
    } finally {
      this.#holders -= 1;
    }
  }

  /**
   * Runs `action` with an agent where a seat is on the worker; answers undefined where none is. Ending the worker waits
   * for it, so that what looks after a worker never keeps it alive. @throws as {@link hold} does
   */
  async visit<T>(signal: AbortSignal, action: (client: AgentClient) => Promise<T>): Promise<T | undefined> {
    return this.#mutex.run(signal, async () => {
      if (!this.#hasSeats()) return undefined;
      const { client } = await this.#ensure(ownWork(signal), 'remove');
      return action(client);
    });
  }

  /** The secret behind the tokens of its seats. */
  workspaceTokenSecret(): string {
    return this.#secrets().workspaceTokenSecret;
  }

  /** Whether the worker is in the store: booting, running, or left by an earlier control plane. */
  exists(): boolean {
    return this.#store.workers.find(LOCAL_WORKER) !== undefined;
  }

  /** Whether a process of the agent that was last seen healthy still runs. */
  isAlive(): boolean {
    return this.#agent !== undefined && isAlive(this.#agent.file);
  }

  /** Ends an agent that does not answer; its seats live on, and the next call starts another. */
  async abandon(signal: AbortSignal): Promise<void> {
    await this.#mutex.run(signal, async () => {
      this.#agent = undefined;
      await endProcesses(findAgents(this.#place), this.#timing.agentEndMs);
    });
  }

  /** Ends the agent and removes what is left of it, unless a seat or somebody needs it. */
  async endIfUnused(work: Work): Promise<void> {
    await this.#mutex.run(work.signal, async () => {
      if (this.#isNeeded() || !this.exists()) return;
      await work.step('worker.end', () => this.#end(work.signal));
      await work.step('worker.remove', () => this.#remove());
    });
  }

  #isNeeded(): boolean {
    return this.#holders > 0 || this.#hasSeats();
  }

  #hasSeats(): boolean {
    return this.#store.seats.onWorker(LOCAL_WORKER).length > 0;
  }

  async #call<T>(
    work: Work,
    purpose: Purpose,
    action: (client: AgentClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (let restarts = 0; ; restarts += 1) {
      const { client, file } = await this.#mutex.run(work.signal, () => this.#ensure(work, purpose));
      try {
        return await action(client, work.signal);
      } catch (error) {
        const died = error instanceof UnavailableError && !isAlive(file);
        if (!died || restarts === MAX_RESTARTS) throw error;
        work.progress('worker', 'The agent of this machine ended. Starting it again.');
      }
    }
  }

  /** The agent that runs, or one that is started. Only under the mutex: there is never a second one. */
  async #ensure(work: Work, purpose: Purpose): Promise<Agent> {
    if (this.#agent !== undefined && isAlive(this.#agent.file)) return this.#agent;
    this.#agent = undefined;
    await work.step('worker.intent', () => this.#recordIntent());
    const agent = (await this.#adopt(work.signal, purpose)) ?? (await this.#start(work, purpose));
    this.#agent = agent;
    return agent;
  }

  /** Writes what is about to be: a later control plane knows the agent by it. */
  #recordIntent(): void {
    this.#store.transaction(() => {
      this.#secrets();
      const runtime = null;
      const fresh = { name: LOCAL_WORKER, provider: 'local', runtime, endpoint: null, certificate: null } as const;
      if (this.exists()) this.#records.changeWorker(LOCAL_WORKER, { status: 'booting' });
      else this.#records.addWorker({ ...fresh, status: 'requested', created_at: timestamp() });
    });
  }

  #secrets(): AgentSecrets {
    return {
      agentToken: this.#store.secrets.ensure(`worker/${LOCAL_WORKER}/agent-token`),
      workspaceTokenSecret: this.#store.secrets.ensure(`worker/${LOCAL_WORKER}/workspace-token-secret`),
    };
  }

  /** The agent that runs already, where it is ours and answers; any other in its place is ended. */
  async #adopt(signal: AbortSignal, purpose: Purpose): Promise<Agent | undefined> {
    if (findAgents(this.#place).length === 0) return undefined;
    try {
      const agent = await this.#answering(signal, purpose, ADOPT_MS);
      this.#log.info({ pid: agent.file.pid }, 'adopted the agent');
      return agent;
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn({ err: error }, 'an agent runs that cannot be adopted; ending it');
      await endProcesses(findAgents(this.#place), this.#timing.agentEndMs);
      return undefined;
    }
  }

  async #start(work: Work, purpose: Purpose): Promise<Agent> {
    work.progress('worker', 'Starting the agent of this machine.');
    try {
      const { failure } = await work.step('worker.spawn', () => startAgent(this.#place, this.#secrets()));
      const agent = await work.step('worker.healthy', () =>
        Promise.race([this.#answering(work.signal, purpose, this.#timing.agentHealthMs), failure]),
      );
      work.progress('worker', 'The agent of this machine is healthy.');
      return agent;
    } catch (error) {
      work.signal.throwIfAborted();
      await endProcesses(findAgents(this.#place), this.#timing.agentEndMs);
      this.#records.changeWorker(LOCAL_WORKER, { status: 'unhealthy' });
      throw error;
    }
  }

  /** Waits until the agent of this place can do what it is needed for, and records how it is reached. */
  async #answering(signal: AbortSignal, purpose: Purpose, withinMs: number): Promise<Agent> {
    const deadline = Date.now() + withinMs;
    let seen = 'it does not listen yet';
    while (Date.now() < deadline) {
      signal.throwIfAborted();
      const file = await readAgentFile(this.#place);
      if (file !== undefined) {
        const client = new AgentClient({ url: file.url, token: this.#secrets().agentToken });
        const health = await healthOf(client, signal);
        if (typeof health === 'string') {
          seen = health;
        } else if (health.status === 'healthy' || (health.status === 'unhealthy' && purpose === 'remove')) {
          const { status, runtime } = health;
          this.#records.changeWorker(LOCAL_WORKER, { status, endpoint: file.url, runtime });
          return { file, client };
        } else {
          seen = `it says that it is ${health.status}`;
        }
      }
      await sleep(POLL_MS, undefined, { signal });
    }
    throw new TimedOutError(
      `The agent of this machine was not ready within ${withinMs / 1000} s: ${seen}. Its log is ${this.#place.logFile}.`,
    );
  }

  async #end(signal: AbortSignal): Promise<void> {
    const agent = this.isAlive() ? this.#agent : await this.#adopt(signal, 'remove');
    this.#records.changeWorker(LOCAL_WORKER, { status: 'draining' });
    if (agent !== undefined) await this.#deleteUnknownSeats(agent.client, signal);
    this.#agent = undefined;
    await untilAborted(endProcesses(findAgents(this.#place), this.#timing.agentEndMs), signal);
  }

  /** Seats that no workshop has on this worker any more. */
  async #deleteUnknownSeats(client: AgentClient, signal: AbortSignal): Promise<void> {
    for (const { workshop_id, seat_id } of await client.listVms(undefined, signal)) {
      const keepFiles = this.#store.seats.find(workshop_id, seat_id)?.has_files ?? false;
      await client.deleteVm(workshop_id, seat_id, { keepFiles, signal });
    }
  }

  async #remove(): Promise<void> {
    await removeLeftovers(this.#place, { keepFiles: this.#store.seats.anyFiles() }, this.#log);
    this.#store.transaction(() => {
      this.#records.removeWorker(LOCAL_WORKER);
      this.#store.secrets.remove(`worker/${LOCAL_WORKER}/agent-token`);
      this.#store.secrets.remove(`worker/${LOCAL_WORKER}/workspace-token-secret`);
    });
  }
}

/**
 * The agent's health, or why it cannot be told yet. Anybody may ask for that: the list of its seats shows that the
 * agent takes our token. @throws UnauthorizedError where it does not
 */
async function healthOf(client: AgentClient, signal: AbortSignal): Promise<AgentHealth | string> {
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
