/** What the registry knows of one seat. */
import type { Vm, VmStatus } from '../../protocol/agent.ts';
import { UnavailableError } from '../../protocol/errors.ts';
import type { RunningSeat, SeatKey } from '../vmm/driver.ts';

export interface SeatEntry {
  readonly key: SeatKey;
  readonly createdAt: string;
  status: VmStatus;
  running: RunningSeat | undefined;
  connections: number;
  failures: number;
  removing: boolean;
  /** Ends what is being done to the seat. */
  stop: AbortController;
  /** Ends what clients do in the seat as it is now; the next one has another. */
  life: AbortController;
}

/** A seat that is about to be made. */
export function newEntry(key: SeatKey): SeatEntry {
  return {
    key,
    createdAt: new Date().toISOString(),
    status: 'booting',
    running: undefined,
    connections: 0,
    failures: 0,
    removing: false,
    stop: new AbortController(),
    life: new AbortController(),
  };
}

/** Ends what clients do in the seat; to be called once its status lets nobody in. @param what became of it, for them */
export function endVisits(entry: SeatEntry | undefined, what: string): void {
  if (entry === undefined) return;
  const { life, key } = entry;
  entry.life = new AbortController();
  life.abort(new UnavailableError(`Seat ${key.seatId} ${what}`, { retry_after_seconds: 2 }));
}

/** What a map or a queue calls a seat. */
export function nameOf(key: SeatKey): string {
  return `${key.workshopId}/${key.seatId}`;
}

/** How a log names a seat. */
export function fieldsOf(key: SeatKey): Record<string, unknown> {
  return { workshop_id: key.workshopId, seat_id: key.seatId };
}

/** The seat as the API tells it. */
export function vmOf(entry: SeatEntry): Vm {
  return {
    workshop_id: entry.key.workshopId,
    seat_id: entry.key.seatId,
    ip: entry.running?.ip ?? null,
    status: entry.status,
    started_in_ms: entry.running?.startedInMs ?? 0,
    from_snapshot: entry.running?.fromSnapshot ?? false,
    created_at: entry.running?.createdAt ?? entry.createdAt,
    connections: entry.connections,
  };
}
