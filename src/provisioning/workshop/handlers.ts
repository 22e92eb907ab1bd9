/** What each operation on a workshop does. */
import type { ErrorInfo } from '../../protocol/errors.ts';
import type { OperationContext, OperationHandler, OperationHandlers, WorkshopKind } from '../operations/handler.ts';
import type { Timing } from '../settings.ts';
import type { OperationRow } from '../store/operations.ts';
import type { Store } from '../store/store.ts';
import type { WorkshopChange } from '../store/workshops.ts';
import type { Records } from './records.ts';
import { countSeats } from './placement.ts';
import { operationMs } from '../workers/local/worker-times.ts';
import type { SeatWork } from './seat-work.ts';

export interface HandlerOptions {
  readonly store: Store;
  readonly records: Records;
  readonly seats: SeatWork;
  readonly timing: Timing;
}

export function workshopHandlers({
  store,
  records,
  seats,
  timing,
}: HandlerOptions): Pick<OperationHandlers, WorkshopKind> {
  /** The time for an operation on a workshop: machines get more than processes. */
  const deadline =
    (baseMs: number, seats?: number) =>
    (workshopId: string): number => {
      const row = store.workshops.find(workshopId);
      return row === undefined ? baseMs : operationMs(baseMs, row.runtime, seats ?? row.seats, timing);
    };

  /** Records how an operation ends for its workshop, unless the workshop is to be deleted or is gone. */
  const conclude = (workshopId: string, change: WorkshopChange): void => {
    const row = store.workshops.find(workshopId);
    if (row !== undefined && row.status !== 'deleting') records.changeWorkshop(workshopId, change);
  };

  const provision = async (context: OperationContext): Promise<string> => {
    const { scope: workshop_id } = context.operation;
    await seats.makeAll(context, workshop_id);
    const row = await context.step('workshop.running', () => {
      conclude(workshop_id, { status: 'running', error: null });
      return records.workshopRow(workshop_id);
    });
    return `The workshop "${row.name}" runs with ${countSeats(row.seats)}.`;
  };

  /** Tells the error together with what of the workshop is left. */
  const failWorkshop = (operation: OperationRow, error: ErrorInfo): ErrorInfo => {
    const { scope: workshop_id } = operation;
    if (store.workshops.find(workshop_id) === undefined) return error;
    // Nothing was begun for these, and nothing is on its way any more.
    for (const { seat, status } of store.seats.of(workshop_id)) {
      if (status === 'pending') records.changeSeat(workshop_id, seat, { status: 'stopped', worker: null });
    }
    const told = { ...error, message: `${error.message} ${whatIsLeft(store, workshop_id)}` };
    records.changeWorkshop(workshop_id, { status: 'error', error: told });
    return told;
  };

  const stopAll = async (context: OperationContext): Promise<void> => {
    const { scope: workshop_id } = context.operation;
    await seats.endAll(context, workshop_id, { keepFiles: true });
    await seats.endWorker(context, workshop_id);
    await context.step('workshop.stopped', () => conclude(workshop_id, { status: 'stopped', error: null }));
  };

  const removeAll = async (context: OperationContext): Promise<string> => {
    const { scope: workshop_id } = context.operation;
    const row = store.workshops.find(workshop_id);
    if (row === undefined) return 'The workshop is gone.';
    records.changeWorkshop(workshop_id, { status: 'deleting' });
    await seats.endAll(context, workshop_id, { keepFiles: false });
    await seats.endWorker(context, workshop_id);
    await context.step('workshop.remove', () => records.removeWorkshop(workshop_id));
    return `The workshop "${row.name}" is gone, and nothing of it is left.`;
  };

  const create: OperationHandler = {
    deadlineMs: deadline(timing.createMs),
    run: provision,
    undo: async (context) => `Cancelled. ${await removeAll(context)}`,
    failed: failWorkshop,
  };

  const start: OperationHandler = {
    deadlineMs: deadline(timing.startMs),
    run: provision,
    undo: async (context) => {
      await stopAll(context);
      return 'Cancelled. The workshop is stopped; its files are kept.';
    },
    failed: failWorkshop,
  };

  const stop: OperationHandler = {
    deadlineMs: deadline(timing.stopMs),
    run: async (context) => {
      await stopAll(context);
      return 'The workshop is stopped; its name, its learners and its files are kept.';
    },
    failed: failWorkshop,
  };

  const remove: OperationHandler = { deadlineMs: deadline(timing.deleteMs), run: removeAll, failed: failWorkshop };

  const repair: OperationHandler = {
    deadlineMs: deadline(timing.repairMs),
    run: async (context) => {
      await seats.makeAll(context, context.operation.scope, { keepGoing: true });
      return 'Every seat is ready again, over the files it had.';
    },
    // What was made again stays; what was not shows in its seat.
    undo: () => Promise.resolve('Cancelled. Seats that are not ready stay as they are.'),
    failed: (_operation, error) => error,
  };

  const reset: OperationHandler = {
    deadlineMs: deadline(timing.resetMs, 1),
    run: async ({ operation, ...context }) => {
      const seat = operation.seat ?? 0;
      await seats.reset({ operation, ...context }, operation.scope, seat);
      return `Seat ${seat} is as new.`;
    },
    undo: ({ operation }) => {
      const message = `The reset of seat ${operation.seat ?? 0} was cancelled. It may be new or as it was.`;
      markUnhealthy(operation, { code: 'UNAVAILABLE', message });
      return Promise.resolve(message);
    },
    failed: (operation, error) => {
      markUnhealthy(operation, error);
      return error;
    },
  };

  /** The monitor finds out what the seat has become. */
  const markUnhealthy = ({ scope: workshop_id, seat }: OperationRow, error: ErrorInfo): void => {
    if (seat === null || store.seats.find(workshop_id, seat) === undefined) return;
    records.changeSeat(workshop_id, seat, { status: 'unhealthy', error });
  };

  return {
    'workshop.create': create,
    'workshop.start': start,
    'workshop.stop': stop,
    'workshop.delete': remove,
    'workshop.repair': repair,
    'seat.reset': reset,
  };
}

/** A sentence on what an operation that failed has left, and what to do about it. */
function whatIsLeft(store: Store, workshopId: string): string {
  const rows = store.seats.of(workshopId);
  const ready = rows.filter(({ status }) => status === 'ready').length;
  const placed = rows.filter(({ worker }) => worker !== null).length;
  const kept = rows.filter(({ has_files }) => has_files).length;
  if (placed === 0 && kept === 0) return 'No seat of it is left. Start the workshop again or delete it.';
  const where = placed === 0 ? `the files of ${countSeats(kept)}` : `${countSeats(placed)}, ${ready} of them ready`;
  return `Left of it: ${where}. Start the workshop again, stop it or delete it.`;
}
