/** Ways into seats: tokens in memory, each kept while it is good. */
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { SeatFiles } from '../client/seat-files.ts';
import type { Access } from '../protocol/access.ts';
import { UnauthorizedError, UnavailableError } from '../protocol/errors.ts';
import { seatSubject } from '../protocol/operation.ts';
import { abandonable } from './events.ts';

/** A token is not used any more when it has less than this left, in milliseconds. */
const MARGIN_MS = 60_000;

interface Entry {
  readonly access: Access;
  readonly files: SeatFiles;
  /** The agent's address as the workshop told it then: with a new agent comes a new way in. */
  readonly endpoint: string | null | undefined;
}

/** Gets into one seat. @throws UnauthorizedError, UnavailableError */
type Enter = (signal?: AbortSignal) => Promise<Access>;

export interface SeatAccessOptions {
  /** The control plane where one is at hand. @throws UnavailableError */
  readonly client: (signal?: AbortSignal) => Promise<ControlPlaneClient>;
  /** The agent's address that the workshop has now. */
  readonly endpoint: (workshopId: string) => string | null | undefined;
  /** How a learner gets into a seat that was joined with this editor; undefined for others, which a teacher gets into. */
  readonly joined?: (workshopId: string, seat: number) => Promise<Enter | undefined>;
}

export class SeatAccess {
  readonly #options: SeatAccessOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: SeatAccessOptions) {
    this.#options = options;
  }

  /** A fresh way in; while the control plane is out of reach, an earlier one that is still good. */
  async access(workshopId: string, seat: number, signal: AbortSignal): Promise<Access> {
    try {
      return (await this.#renew(workshopId, seat, signal)).access;
    } catch (error) {
      const kept = this.#kept(workshopId, seat);
      if (kept === undefined || !(error instanceof UnavailableError)) throw error;
      return kept.access;
    }
  }

  /** Does something with a seat's files, once more where the token turned out to be no longer good. */
  async withFiles<T>(workshopId: string, seat: number, work: (files: SeatFiles) => Promise<T>): Promise<T> {
    const kept = this.#kept(workshopId, seat);
    if (kept === undefined) return work((await this.#renew(workshopId, seat)).files);
    try {
      return await work(kept.files);
    } catch (error) {
      this.#entries.delete(seatSubject(workshopId, seat));
      if (!(error instanceof UnauthorizedError)) throw error;
      return work((await this.#renew(workshopId, seat)).files);
    }
  }

  #kept(workshopId: string, seat: number): Entry | undefined {
    const entry = this.#entries.get(seatSubject(workshopId, seat));
    if (entry === undefined || entry.endpoint !== this.#options.endpoint(workshopId)) return undefined;
    return Date.parse(entry.access.expires_at) - Date.now() > MARGIN_MS ? entry : undefined;
  }

  async #renew(workshopId: string, seat: number, signal?: AbortSignal): Promise<Entry> {
    const joined = this.#options.joined?.(workshopId, seat) ?? Promise.resolve(undefined);
    const enter = (await abandonable(joined, signal)) ?? (await this.#asInstructor(workshopId, seat, signal));
    const endpoint = this.#options.endpoint(workshopId);
    const access = await enter(signal);
    const entry = { access, files: new SeatFiles({ access, workshopId, seat }), endpoint };
    this.#entries.set(seatSubject(workshopId, seat), entry);
    return entry;
  }

  async #asInstructor(workshopId: string, seat: number, signal?: AbortSignal): Promise<Enter> {
    const client = await this.#options.client(signal);
    return (asked) => client.access(workshopId, seat, 'instructor', asked);
  }
}
