/**
 * Changes of workshops, seats and workers: each is written together with the event that tells it, and only where
 * something changes.
 */
import { isDeepStrictEqual } from 'node:util';
import { NotFoundError } from '../../protocol/errors.ts';
import { seatSubject, workshopSubject } from '../../protocol/operation.ts';
import type { Learner, Seat, SeatStatus, Workshop, WorkshopStatus } from '../../protocol/workshop.ts';
import { timestamp } from '../clock.ts';
import type { EventLog } from '../event-log.ts';
import { LOOPBACK_ONLY, type Exposure } from '../exposure.ts';
import type { LearnerRow } from '../store/learners.ts';
import type { SeatChange, SeatRow } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import type { WorkerRow } from '../store/workers.ts';
import type { WorkshopChange, WorkshopRow } from '../store/workshops.ts';
import { localWorkerName } from '../workers/local/worker-names.ts';
import { toLearner, toSeat, toWorkshop } from './resources.ts';
import { assertFollows } from './state-machine.ts';

const WORKSHOP_LINE: Readonly<Record<WorkshopStatus, string>> = {
  created: 'has been created',
  provisioning: 'is being prepared',
  running: 'is running',
  stopping: 'is being stopped',
  stopped: 'is stopped; its files are kept',
  deleting: 'is being deleted',
  error: 'has failed',
};

const SEAT_LINE: Readonly<Record<SeatStatus, string>> = {
  pending: 'waits',
  booting: 'is booting',
  ready: 'is ready',
  unhealthy: 'is unhealthy',
  resetting: 'is being reset',
  stopped: 'is stopped',
  lost: 'is lost',
};

export class Records {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #exposure: Exposure;

  /** @param exposure whom all of it is told */
  constructor(store: Store, events: EventLog, exposure: Exposure = LOOPBACK_ONLY) {
    this.#store = store;
    this.#events = events;
    this.#exposure = exposure;
  }

  /** @throws NotFoundError */
  workshopRow(id: string): WorkshopRow {
    const row = this.#store.workshops.find(id);
    if (row === undefined) throw new NotFoundError(`There is no workshop ${id}.`);
    return row;
  }

  /** @throws NotFoundError */
  seatRow(workshopId: string, seat: number): SeatRow {
    const workshop = this.workshopRow(workshopId);
    const row = this.#store.seats.find(workshopId, seat);
    if (row === undefined) {
      throw new NotFoundError(`The workshop "${workshop.name}" has no seat ${seat}, only 1 to ${workshop.seats}.`);
    }
    return row;
  }

  workshops(): Workshop[] {
    return this.#store.workshops.all().map((row) => this.#told(row));
  }

  workshop(id: string): Workshop {
    return this.#told(this.workshopRow(id));
  }

  seats(workshopId: string): Seat[] {
    const learners = new Map(this.#store.learners.of(this.workshopRow(workshopId).id).map((row) => [row.seat, row]));
    return this.#store.seats.of(workshopId).map((row) => toSeat(row, learners.get(row.seat)));
  }

  /** @throws NotFoundError */
  seat(workshopId: string, seat: number): Seat {
    return toSeat(this.seatRow(workshopId, seat), this.#store.learners.findBySeat(workshopId, seat));
  }

  learners(workshopId: string): Learner[] {
    const seats = new Map(this.seats(workshopId).map((seat) => [seat.seat, seat]));
    return this.#store.learners.of(workshopId).map((row) => toLearner(row, seats.get(row.seat)?.connected ?? false));
  }

  addWorkshop(row: WorkshopRow, seats: readonly SeatRow[]): void {
    this.#store.transaction(() => {
      this.#store.workshops.insert(row);
      for (const seat of seats) this.#store.seats.insert(seat);
      this.#tellWorkshop(row);
      for (const seat of seats) this.#tellSeat(seat);
    });
  }

  /** @throws InternalError where the new status may not follow the old one */
  changeWorkshop(id: string, change: WorkshopChange): WorkshopRow {
    return this.#store.transaction(() => {
      const row = this.workshopRow(id);
      const changed = { ...row, ...change };
      assertFollows(row.status, changed.status);
      if (isDeepStrictEqual(row, changed)) return row;
      this.#store.workshops.update(changed);
      this.#tellWorkshop(changed);
      return changed;
    });
  }

  /** Removes the workshop with all that is known of it; nothing where it is gone already. */
  removeWorkshop(id: string): void {
    this.#store.transaction(() => {
      const row = this.#store.workshops.find(id);
      if (row === undefined) return;
      this.#store.workshops.remove(id);
      const message = `The workshop "${row.name}" is gone.`;
      const resource = { deleted: true } as const;
      this.#events.append({ type: 'state', message, subject: workshopSubject(id), resource }, id);
    });
  }

  changeSeat(workshopId: string, seat: number, change: SeatChange): SeatRow {
    return this.#store.transaction(() => {
      const row = this.seatRow(workshopId, seat);
      const changed = { ...row, ...change };
      if (isDeepStrictEqual(row, changed)) return row;
      const stamped = { ...changed, updated_at: timestamp() };
      const workers = this.#store.seats.workersOf(workshopId);
      this.#store.seats.update(stamped);
      this.#tellSeat(stamped);
      const workersNow = this.#store.seats.workersOf(workshopId);
      if (!isDeepStrictEqual(workers, workersNow)) this.#tellWorkshop(this.workshopRow(workshopId));
      return stamped;
    });
  }

  /** Records that somebody took a seat. */
  addLearner(row: LearnerRow): void {
    this.#store.transaction(() => {
      this.#store.learners.insert(row);
      this.#tellSeat(this.seatRow(row.workshop_id, row.seat));
    });
  }

  /** Forgets who has the seat; until it has been emptied nobody else may have it. */
  removeLearner(row: LearnerRow): void {
    this.#store.transaction(() => {
      this.#store.learners.remove(row.id);
      const { generation } = this.seatRow(row.workshop_id, row.seat);
      this.changeSeat(row.workshop_id, row.seat, { freed: true, generation: generation + 1 });
    });
  }

  renameLearner(row: LearnerRow, name: string): void {
    if (row.name === name) return;
    this.#store.transaction(() => {
      this.#store.learners.rename(row.id, name);
      this.#tellSeat(this.seatRow(row.workshop_id, row.seat));
    });
  }

  addWorker(row: WorkerRow): void {
    this.#store.transaction(() => {
      this.#store.workers.insert(row);
      this.#tellWorkshopsOn(row);
    });
  }

  changeWorker(name: string, change: Partial<Omit<WorkerRow, 'name'>>): void {
    this.#store.transaction(() => {
      const row = this.#store.workers.find(name);
      if (row === undefined) return;
      const changed = { ...row, ...change };
      if (isDeepStrictEqual(row, changed)) return;
      this.#store.workers.update(changed);
      this.#tellWorkshopsOn(changed);
    });
  }

  removeWorker(name: string): void {
    this.#store.transaction(() => {
      const row = this.#store.workers.find(name);
      if (row === undefined) return;
      const affected = this.#workshopsOn(row);
      this.#store.workers.remove(name);
      for (const workshop of affected) this.#tellWorkshop(workshop);
    });
  }

  #told(row: WorkshopRow): Workshop {
    return toWorkshop(row, this.#workersOf(row), this.#exposure.site?.url());
  }

  /** The workers that hold seats of it; while it is being prepared, also those that boot for it. */
  #workersOf(row: WorkshopRow): WorkerRow[] {
    const holding = new Set(this.#store.seats.workersOf(row.id));
    return this.#store.workers
      .all()
      .filter(
        ({ name, provider }) =>
          holding.has(name) ||
          (row.status === 'provisioning' && provider === row.provider && name === localWorkerName(row.runtime)),
      );
  }

  #workshopsOn(worker: WorkerRow): WorkshopRow[] {
    return this.#store.workshops.all().filter((row) => this.#workersOf(row).some(({ name }) => name === worker.name));
  }

  #tellWorkshopsOn(worker: WorkerRow): void {
    for (const row of this.#workshopsOn(worker)) this.#tellWorkshop(row);
  }

  #tellWorkshop(row: WorkshopRow): void {
    const message = row.error?.message ?? `The workshop "${row.name}" ${WORKSHOP_LINE[row.status]}.`;
    const resource = { workshop: this.#told(row) };
    this.#events.append({ type: 'state', message, subject: workshopSubject(row.id), resource }, row.id);
  }

  #tellSeat(row: SeatRow): void {
    const seat = this.seat(row.workshop_id, row.seat);
    const message = row.error?.message ?? `Seat ${row.seat} ${SEAT_LINE[row.status]}.`;
    const subject = seatSubject(row.workshop_id, row.seat);
    this.#events.append({ type: 'state', message, subject, resource: { seat } }, row.workshop_id, row.seat);
  }
}
