/**
 * A worker that is this machine: one agent for seats of one runtime, started when the first of them needs it and ended
 * after the last. It outlives the control plane; the next one adopts it. What it is started with is in the store before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { AgentClient } from '../../../client/agent.ts';
import { isAlive } from '../../../lib/process-identity.ts';
import type { AgentFile, AgentHealth } from '../../../protocol/agent.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { SeatRuntime } from '../../../protocol/workshop.ts';
import { timestamp } from '../../clock.ts';
import { untilAborted } from '../../operations/abort.ts';
import type { Store } from '../../store/store.ts';
import type { WorkerRow } from '../../store/workers.ts';
import type { Records } from '../../workshop/records.ts';
import { healthOf, notReady, untilHealthy } from './agent-health.ts';
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
import { ownWork, type HeldAgent, type Purpose, type Work } from './work.ts';
import { areMachines, localWorkerName } from './worker-names.ts';
import type { WorkerTimes } from './worker-times.ts';

const POLL_MS = 100;
/** What an agent of machines does before it is healthy. */
const FIRST_MACHINE =
  'Preparing the first machine of this kind: the image boots once, and each seat is made from that.';
/** How often a call is made again after the agent died under it. */
const MAX_RESTARTS = 2;

/** `canMake`: it was healthy when it was needed for that. */
interface Agent {
  readonly file: AgentFile;
  readonly client: AgentClient;
  canMake: boolean;
}

export interface LocalWorkerOptions {
  readonly store: Store;
  readonly records: Records;
  readonly place: AgentPlace;
  readonly times: WorkerTimes;
  readonly log: FastifyBaseLogger;
}

export class LocalWorker {
  readonly name: string;
  readonly runtime: SeatRuntime;
  readonly times: WorkerTimes;
  readonly #store: Store;
  readonly #records: Records;
  readonly #place: AgentPlace;
  readonly #log: FastifyBaseLogger;
  readonly #mutex = new Mutex();
  #agent: Agent | undefined;
  #holders = 0;

  constructor(options: LocalWorkerOptions) {
    this.name = localWorkerName(options.place.runtime);
    this.runtime = options.place.runtime;
    this.times = options.times;
    this.#store = options.store;
    this.#records = options.records;
    this.#place = options.place;
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
      const { client } = await this.#ensure(ownWork(signal));
      return action(client);
    });
  }

  /** Asks the agent something where it runs; undefined where it does not. Starts none, and waits for nobody. */
  async glance<T>(ask: (client: AgentClient) => Promise<T>): Promise<T | undefined> {
    return this.#agent === undefined || !isAlive(this.#agent.file) ? undefined : ask(this.#agent.client);
  }

  /** The secret behind the tokens of its seats. */
  workspaceTokenSecret(): string {
    return this.#secrets().workspaceTokenSecret;
  }

  /** Whether the worker is in the store: booting, running, or left by an earlier control plane. */
  exists(): boolean {
    return this.#store.workers.find(this.name) !== undefined;
  }

  /** Whether a process of the agent that was last seen healthy still runs. */
  isAlive(): boolean {
    return this.#agent !== undefined && isAlive(this.#agent.file);
  }

  /** Ends an agent that does not answer; its seats live on, and the next call starts another. */
  async abandon(signal: AbortSignal): Promise<void> {
    await this.#mutex.run(signal, async () => {
      this.#agent = undefined;
      await endProcesses(findAgents(this.#place), this.times.agentEndMs);
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
    return this.#store.seats.onWorker(this.name).length > 0;
  }

  async #call<T>(
    work: Work,
    purpose: Purpose,
    action: (client: AgentClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (let restarts = 0; ; restarts += 1) {
      const agent = await this.#mutex.run(work.signal, () => this.#ensure(work));
      if (purpose === 'make' && !agent.canMake) await this.#awaitHealthy(work, agent);
      try {
        return await action(agent.client, work.signal);
      } catch (error) {
        const died = error instanceof UnavailableError && !isAlive(agent.file);
        if (!died || restarts === MAX_RESTARTS) throw error;
        work.progress('worker', 'The agent of this machine ended. Starting it again.');
      }
    }
  }

  /** The agent that runs, or one that is started. Only under the mutex: there is never a second one. */
  async #ensure(work: Work): Promise<Agent> {
    if (this.#agent !== undefined && isAlive(this.#agent.file)) return this.#agent;
    this.#agent = undefined;
    await work.step('worker.intent', () => this.#recordIntent());
    const agent = (await this.#adopt(work.signal)) ?? (await this.#start(work));
    this.#agent = agent;
    return agent;
  }

  /** Writes what is about to be: a later control plane knows the agent by it. */
  #recordIntent(): void {
    this.#store.transaction(() => {
      this.#secrets();
      const unknown = { runtime: null, endpoint: null, certificate: null, accelerated: null };
      const fresh = { name: this.name, provider: 'local', status: 'requested', created_at: timestamp() } as const;
      if (this.exists()) this.#records.changeWorker(this.name, { status: 'booting' });
      else this.#records.addWorker({ ...fresh, ...unknown });
    });
  }

  #secrets(): AgentSecrets {
    return {
      agentToken: this.#store.secrets.ensure(`worker/${this.name}/agent-token`),
      workspaceTokenSecret: this.#store.secrets.ensure(`worker/${this.name}/workspace-token-secret`),
    };
  }

  /** The agent that runs already, where it is ours and answers; any other in its place is ended. */
  async #adopt(signal: AbortSignal): Promise<Agent | undefined> {
    if (findAgents(this.#place).length === 0) return undefined;
    try {
      const agent = await this.#answering(signal, this.times.adoptMs);
      this.#log.info({ pid: agent.file.pid }, 'adopted the agent');
      return agent;
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn({ err: error }, 'an agent runs that cannot be adopted; ending it');
      await endProcesses(findAgents(this.#place), this.times.agentEndMs);
      return undefined;
    }
  }

  async #start(work: Work): Promise<Agent> {
    work.progress('worker', 'Starting the agent of this machine.');
    try {
      const { failure } = await work.step('worker.spawn', () => startAgent(this.#place, this.#secrets()));
      return await Promise.race([this.#answering(work.signal, this.times.agentHealthMs), failure]);
    } catch (error) {
      work.signal.throwIfAborted();
      await this.#giveUp();
      throw error;
    }
  }

  async #giveUp(): Promise<void> {
    await endProcesses(findAgents(this.#place), this.times.agentEndMs);
    this.#records.changeWorker(this.name, { status: 'unhealthy' });
  }

  /** Waits until the agent of this place knows its seats and takes our token, and records how it is reached. */
  async #answering(signal: AbortSignal, withinMs: number): Promise<Agent> {
    const deadline = performance.now() + withinMs;
    let seen = 'it does not listen yet';
    while (performance.now() < deadline) {
      signal.throwIfAborted();
      const file = await readAgentFile(this.#place);
      if (file !== undefined) {
        const connection = { url: file.url, token: this.#secrets().agentToken };
        const client = new AgentClient(connection, { seatDeadlineMs: this.times.callMs });
        const health = await healthOf(client, signal);
        if (typeof health !== 'string') {
          this.#records.changeWorker(this.name, { endpoint: file.url, runtime: health.runtime, ...seenOf(health) });
          return { file, client, canMake: false };
        }
        seen = health;
      }
      await sleep(POLL_MS, undefined, { signal });
    }
    throw notReady(withinMs, seen, this.#place.logFile);
  }

  /** Waits until the agent can make seats. One that cannot is ended: the next one may. @throws as untilHealthy does */
  async #awaitHealthy(work: Work, agent: Agent): Promise<void> {
    const { logFile } = this.#place;
    let isTold = !areMachines(this.runtime);
    const wait = {
      client: agent.client,
      withinMs: this.times.agentHealthMs,
      logFile,
      signal: work.signal,
      isAlive: () => isAlive(agent.file),
      onProblem: (problem: string) => work.progress('worker', `${problem} Trying again.`),
      onHealth: (health: AgentHealth) => {
        this.#records.changeWorker(this.name, seenOf(health));
        agent.canMake = health.status === 'healthy';
        if (!isTold && health.status === 'starting') work.progress('worker', FIRST_MACHINE);
        isTold = true;
      },
    };
    try {
      await work.step('worker.healthy', () => untilHealthy(wait));
      work.progress('worker', 'The agent of this machine is healthy.');
    } catch (error) {
      work.signal.throwIfAborted();
      await this.#mutex.run(work.signal, () => this.#giveUp());
      throw error;
    }
  }

  async #end(signal: AbortSignal): Promise<void> {
    const agent = this.isAlive() ? this.#agent : await this.#adopt(signal);
    this.#records.changeWorker(this.name, { status: 'draining' });
    if (agent !== undefined) await this.#deleteUnknownSeats(agent.client, signal);
    this.#agent = undefined;
    await untilAborted(endProcesses(findAgents(this.#place), this.times.agentEndMs), signal);
  }

  /** Seats that no workshop has on this worker any more. */
  async #deleteUnknownSeats(client: AgentClient, signal: AbortSignal): Promise<void> {
    for (const { workshop_id, seat_id } of await client.listVms(undefined, signal)) {
      const keepFiles = this.#store.seats.find(workshop_id, seat_id)?.has_files ?? false;
      await client.deleteVm(workshop_id, seat_id, { keepFiles, signal });
    }
  }

  async #remove(): Promise<void> {
    await removeLeftovers(this.#place, { keepFiles: this.#store.seats.anyFiles(this.runtime) }, this.#log);
    this.#store.transaction(() => {
      this.#records.removeWorker(this.name);
      this.#store.secrets.remove(`worker/${this.name}/agent-token`);
      this.#store.secrets.remove(`worker/${this.name}/workspace-token-secret`);
    });
  }
}

/** What a worker's record takes from its agent's health. Whether machines are fast is known once one has run. */
export function seenOf({ status, accelerated }: AgentHealth): Partial<WorkerRow> {
  return { status: status === 'starting' ? 'booting' : status, ...(status === 'healthy' && { accelerated }) };
}
