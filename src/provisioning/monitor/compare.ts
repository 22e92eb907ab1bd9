/** What the store says of the seats on a worker against what its agent says. Pure. */
import type { Vm } from '../../protocol/agent.ts';
import type { ErrorInfo } from '../../protocol/errors.ts';
import type { SeatChange, SeatRow } from '../store/seats.ts';

/** What to write, what to delete, and which seats need to be made again. */
export interface Difference {
  readonly changes: readonly { readonly seat: SeatRow; readonly change: SeatChange }[];
  /** On the agent, and in no workshop. */
  readonly unknown: readonly Vm[];
  /** In a workshop, and not on the agent, not healthy there, or not emptied after it was taken from a learner. */
  readonly broken: readonly SeatRow[];
}

const LOST: ErrorInfo = { code: 'UNAVAILABLE', message: 'The seat is not on its worker any more.' };
const UNHEALTHY: ErrorInfo = { code: 'UNAVAILABLE', message: 'The servers of the seat do not answer.' };

/**
 * @param seats those that the store has on the worker
 * @param vms all that the agent has
 * @param isSettled whether a workshop's seats are as they are meant to be: no operation changes them
 */
export function compareSeats(
  seats: readonly SeatRow[],
  vms: readonly Vm[],
  isSettled: (workshopId: string) => boolean,
): Difference {
  const known = new Map(seats.map((seat) => [keyOf(seat.workshop_id, seat.seat), seat]));
  const there = new Map(vms.map((vm) => [keyOf(vm.workshop_id, vm.seat_id), vm]));
  const settled = seats.filter(({ workshop_id }) => isSettled(workshop_id));
  const judged = settled.map((seat) => ({ seat, change: judge(seat, there.get(keyOf(seat.workshop_id, seat.seat))) }));
  return {
    changes: judged.filter(({ seat, change }) => differs(seat, change)),
    unknown: vms.filter((vm) => isSettled(vm.workshop_id) && !known.has(keyOf(vm.workshop_id, vm.seat_id))),
    broken: judged.filter(({ seat, change }) => seat.freed || isBroken(change)).map(({ seat }) => seat),
  };
}

function keyOf(workshopId: string, seat: number): string {
  return `${workshopId}/${seat}`;
}

/** What a seat is, going by its agent. One that was never made keeps the reason for that. */
function judge(seat: SeatRow, vm: Vm | undefined): SeatChange {
  const { status, error: known } = seat;
  const wasMade = status === 'ready' || status === 'booting' || status === 'resetting';
  if (vm === undefined && wasMade) return { status: 'lost', connected: false, ip: null, error: LOST };
  if (vm === undefined) return { status, connected: false, ip: null, error: known };
  const error = vm.status === 'unhealthy' ? UNHEALTHY : null;
  return { status: vm.status, connected: vm.connections > 0, ip: vm.ip, error };
}

function isBroken({ status }: SeatChange): boolean {
  return status === 'lost' || status === 'unhealthy' || status === 'pending';
}

/** The reason why a seat is unhealthy was told when it became so; the agent knows none that is better. */
function differs(seat: SeatRow, change: SeatChange): boolean {
  return seat.status !== change.status || seat.connected !== change.connected || seat.ip !== change.ip;
}
