/**
 * Keeps the store true: every few seconds what the agent of a worker tells is compared with it. What changed is told, seats that
 * nobody knows are deleted, broken ones are made again, and an agent that nobody needs is ended.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { Vm } from '../../protocol/agent.ts';
import { CarapaceError } from '../../protocol/errors.ts';
import type { OperationEngine } from '../operations/engine.ts';
import type { Timing } from '../settings.ts';
import type { SeatRow } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import { seenOf, type LocalWorker } from '../workers/local/local-worker.ts';
import { ownWork } from '../workers/local/work.ts';
import type { Lifecycle } from '../workshop/lifecycle.ts';
import type { Records } from '../workshop/records.ts';
import { compareSeats } from './compare.ts';
import { Repairs } from './repairs.ts';

/** Looks in a row that an agent may leave unanswered before it is ended and started again. */
const TOLERATED_SILENCES = 3;
/** How long the agent may take to tell who is connected. */
const CONNECTIONS_DEADLINE_MS = 5_000;
/** The longest wait between two tries to start an agent that does not start, in looks. */
const MAX_SKIPPED = 12;

export interface MonitorOptions {
  readonly store: Store;
  readonly records: Records;
  readonly engine: OperationEngine;
  readonly lifecycle: Lifecycle;
  readonly worker: LocalWorker;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
}

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #repairs: Repairs;
  #silences = 0;
  #failedStarts = 0;
  #skip = 0;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#repairs = new Repairs(options.timing.unhealthySeatMs);
  }

  /** One look. What fails is logged, shown where it belongs, and tried again at a later look. */
  async look(signal: AbortSignal): Promise<void> {
    const { worker, store, log } = this.#options;
    if (!worker.exists()) return;
    try {
      if (store.seats.onWorker(worker.name).length === 0) await worker.endIfUnused(ownWork(signal));
      else await this.#compare(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'the worker of this machine could not be looked at');
    }
  }

  /**
   * A quick look at who is connected, between two of the others. One question to an agent that was heard before; where it
   * does not answer nothing is said: {@link look} finds out why.
   */
  async lookAtConnections(signal: AbortSignal): Promise<void> {
    const { worker, store, records, engine, log } = this.#options;
    if (!worker.isAlive() || this.#silences > 0) return;
    const ready = store.seats.onWorker(worker.name).filter(({ status }) => status === 'ready');
    if (ready.length === 0) return;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(CONNECTIONS_DEADLINE_MS)]);
    try {
      const vms = await worker.glance((client) => client.listVms(undefined, deadline));
      if (vms === undefined) return;
      const connected = new Set(vms.filter((vm) => vm.connections > 0).map((vm) => `${vm.workshop_id}/${vm.seat_id}`));
      for (const { workshop_id, seat } of ready) {
        const row = store.seats.find(workshop_id, seat);
        const isConnected = connected.has(`${workshop_id}/${seat}`);
        if (row?.status !== 'ready' || row.connected === isConnected || engine.isBusy(workshop_id)) continue;
        records.changeSeat(workshop_id, seat, { connected: isConnected });
      }
    } catch (error) {
      log.debug({ err: error }, 'it cannot be told who is connected now');
    }
  }

  async #compare(signal: AbortSignal): Promise<void> {
    const busyBefore = this.#busy();
    const vms = await this.#ask(signal);
    if (vms === undefined) return;
    const { store, records, engine, worker, log } = this.#options;
    const isSettled = (id: string): boolean => !busyBefore.has(id) && !engine.isBusy(id);
    const seats = store.seats.onWorker(worker.name);
    const { changes, unknown, broken } = compareSeats(seats, vms, isSettled);
    for (const { seat, change } of changes) records.changeSeat(seat.workshop_id, seat.seat, change);
    this.#repair(broken);
    for (const vm of unknown) {
      // An operation may have begun to make it meanwhile.
      if (engine.isBusy(vm.workshop_id)) continue;
      log.warn({ workshop_id: vm.workshop_id, seat: vm.seat_id }, 'deleting a seat that belongs to no workshop');
      await this.#deleteUnknown(vm, signal);
    }
  }

  #busy(): ReadonlySet<string> {
    const running = this.#options.store.operations.running();
    return new Set(running.map(({ scope }) => scope));
  }

  /** The agent's seats; undefined where it is not to be had now, which the worker's state then says. */
  async #ask(signal: AbortSignal): Promise<Vm[] | undefined> {
    const { worker, records, log } = this.#options;
    if (!worker.isAlive() && this.#skip > 0) {
      this.#skip -= 1;
      return undefined;
    }
    try {
      const vms = await worker.visit(signal, async (client) => {
        const health = await client.health(signal);
        const vms = await client.listVms(undefined, signal);
        records.changeWorker(worker.name, seenOf(health));
        return vms;
      });
      this.#silences = 0;
      this.#failedStarts = 0;
      return vms;
    } catch (error) {
      signal.throwIfAborted();
      records.changeWorker(worker.name, { status: 'unhealthy' });
      log.warn({ err: error }, 'the agent of this machine does not answer');
      await this.#afterSilence(signal);
      return undefined;
    }
  }

  async #afterSilence(signal: AbortSignal): Promise<void> {
    const { worker } = this.#options;
    if (!worker.isAlive()) {
      this.#failedStarts += 1;
      // The first time it may have died just now: the next look starts it.
      this.#skip = this.#failedStarts === 1 ? 0 : Math.min(2 ** this.#failedStarts, MAX_SKIPPED);
      return;
    }
    this.#silences += 1;
    if (this.#silences < TOLERATED_SILENCES) return;
    this.#silences = 0;
    await worker.abandon(signal);
  }

  async #deleteUnknown(vm: Vm, signal: AbortSignal): Promise<void> {
    const { worker, store } = this.#options;
    const keepFiles = store.seats.find(vm.workshop_id, vm.seat_id)?.has_files ?? false;
    await worker.visit(signal, (client) => client.deleteVm(vm.workshop_id, vm.seat_id, { keepFiles, signal }));
  }

  /** Begins a repair of each running workshop whose broken seats have had their time. */
  #repair(broken: readonly SeatRow[]): void {
    const { store, lifecycle, log } = this.#options;
    const now = performance.now();
    const byWorkshop = Map.groupBy(broken, ({ workshop_id }) => workshop_id);
    this.#repairs.keepOnly(new Set(byWorkshop.keys()));
    for (const [id, seats] of byWorkshop) {
      const rows = seats.map(({ seat }) => store.seats.find(id, seat));
      const isLost = rows.some((row) => row?.status === 'lost');
      if (store.workshops.find(id)?.status !== 'running' || !this.#repairs.isDue(id, isLost, now)) continue;
      this.#repairs.begun(id, now);
      try {
        lifecycle.repair(id, seats.length);
      } catch (error) {
        if (!(error instanceof CarapaceError)) throw error;
        log.info({ workshop_id: id, code: error.code }, 'a workshop cannot be repaired now');
      }
    }
  }
}
