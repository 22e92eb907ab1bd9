/** What the agent does by itself: it finds its seats again, shows that it can make some, and watches them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { VERSION } from '../lib/version.ts';
import type { AgentHealth, AgentInfo } from '../protocol/agent.ts';
import { UnavailableError } from '../protocol/errors.ts';
import type { SeatRegistry } from './seats/seat-registry.ts';
import type { VmDriver } from './vmm/driver.ts';

export interface AgentOptions {
  readonly driver: VmDriver;
  readonly seats: SeatRegistry;
  readonly workerId: string;
  readonly log: Logger;
}

const HEALTH_INTERVAL_MS = 5_000;

/** Between two looks whether all seats still run: cheap, and not kept waiting by seats that answer slowly. */
const LOOK_INTERVAL_MS = 2_000;

/** For the probe, and before it for finding seats again: a reset that a crash interrupted is finished then. */
const MEND_TIMEOUT_MS = 20_000;
const PROBE_TIMEOUT_MS = 60_000;

/** Until the next try after a probe has failed: the cause may be mended meanwhile. */
const PROBE_INTERVAL_MS = 15_000;

export class Agent {
  readonly seats: SeatRegistry;
  readonly #driver: VmDriver;
  readonly #workerId: string;
  readonly #log: Logger;
  #status: AgentHealth['status'] = 'starting';
  #isOpen = false;
  #problem = 'The agent is starting.';

  constructor(options: AgentOptions) {
    this.seats = options.seats;
    this.#driver = options.driver;
    this.#workerId = options.workerId;
    this.#log = options.log;
  }

  /** Whether the seats of an earlier agent have been taken over, so that every seat is known. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @throws UnavailableError with the reason why no seat can be made */
  requireHealthy(): void {
    if (this.#status === 'healthy') return;
    throw new UnavailableError(this.#problem, { retry_after_seconds: 2 });
  }

  health(): AgentHealth {
    return {
      status: this.#status,
      worker_id: this.#workerId,
      version: VERSION,
      runtime: this.#driver.runtime,
      accelerated: this.#driver.accelerated,
      vm_count: this.seats.size,
      capacity: this.seats.capacity,
      uptime_seconds: Math.floor(process.uptime()),
    };
  }

  info(): AgentInfo {
    const { images, bridge, limits } = this.#driver.describe?.() ?? { images: [], bridge: null, limits: {} };
    return {
      worker_id: this.#workerId,
      version: VERSION,
      runtime: this.#driver.runtime,
      accelerated: this.#driver.accelerated,
      versions: { agent: VERSION, ...this.#driver.versions() },
      images: [...images],
      bridge,
      limits: { seats: this.seats.capacity, seat_timeout_ms: this.seats.seatTimeoutMs, ...limits },
      problem: this.#status === 'unhealthy' ? this.#problem : null,
    };
  }

  get #probeTimeoutMs(): number {
    return this.#driver.probeTimeoutMs ?? PROBE_TIMEOUT_MS;
  }

  /**
   * Runs until the signal: first the seats of an earlier agent, then the probe, then the watch over the seats. Returns
   * once all of that has ended, so that a probe that was under way is gone.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.seats.adopt(AbortSignal.any([signal, AbortSignal.timeout(this.#probeTimeoutMs)]));
      this.#isOpen = true;
      await this.#work(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Ends when all parts have, which they do when one has failed: a probe that is ended removes its seat before. */
  async #work(signal: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const limited = AbortSignal.any([signal, failure.signal]);
    const parts = [this.#probeUntilHealthy(limited), this.#watch(limited), this.#look(limited)];
    for (const part of parts) part.catch((error: unknown) => failure.abort(error));
    await Promise.allSettled(parts);
    limited.throwIfAborted();
  }

  async #look(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(LOOK_INTERVAL_MS, undefined, { signal });
      this.seats.noticeEnded();
    }
  }

  async #probeUntilHealthy(signal: AbortSignal): Promise<void> {
    while (this.#status !== 'healthy') {
      try {
        await this.#driver.probe(AbortSignal.any([signal, AbortSignal.timeout(this.#probeTimeoutMs)]));
        this.#status = 'healthy';
        this.#log.info('the probe seat answered: seats can be made');
      } catch (error) {
        signal.throwIfAborted();
        this.#status = 'unhealthy';
        this.#problem = error instanceof Error ? error.message : 'No seat can be made on this worker.';
        this.#log.error({ err: error }, 'the probe seat failed');
        await sleep(PROBE_INTERVAL_MS, undefined, { signal });
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(HEALTH_INTERVAL_MS, undefined, { signal });
      await this.seats.checkHealth(signal);
      await this.#mend(signal);
    }
  }

  async #mend(signal: AbortSignal): Promise<void> {
    try {
      await this.#driver.mend?.(AbortSignal.any([signal, AbortSignal.timeout(MEND_TIMEOUT_MS)]));
    } catch (error) {
      signal.throwIfAborted();
      this.#log.error({ err: error }, 'what all seats share is broken, and could not be mended');
    }
  }
}
