/** One joined workshop: follows the learner's own seat, and gets them into it. */
import { LearnerFollower, type LearnerClient } from '../../client/learner/learner-follower.ts';
import type { Access, LearnerView } from '../../protocol/access.ts';
import { UnauthorizedError } from '../../protocol/errors.ts';
import { learnerProblem } from '../model/learner-status.ts';
import type { Translate } from '../../client/translate.ts';
import { Pause } from '../pause.ts';
import type { Joined } from './joined-seat.ts';

export type { LearnerClient };

export interface LearnerSessionOptions {
  readonly record: Joined;
  /** What joining has just told. */
  readonly view?: LearnerView | undefined;
  /** The server with the learner's token. Starts nothing. @throws UnavailableError */
  readonly connect: (record: Joined, signal: AbortSignal) => Promise<LearnerClient>;
  readonly changed: () => void;
  readonly log: { info(message: string): void; warn(message: string): void };
  readonly t: Translate;
}

export class LearnerSession extends LearnerFollower {
  readonly record: Joined;
  readonly #t: Translate;

  constructor({ record, view, connect, changed, log, t }: LearnerSessionOptions) {
    super({
      learnerToken: record.seat.learner_token,
      view,
      connect: (signal) => connect(record, signal),
      pause: new Pause(),
      changed,
      dropped: (told) => log.warn(`The connection to the workshop ${record.seat.workshop} dropped: ${told}`),
      t,
    });
    this.record = record;
    this.#t = t;
  }

  get workshopId(): string {
    return this.record.seat.workshop;
  }

  get seat(): number {
    return this.record.seat.number;
  }

  /** The workshop's name as it is known. */
  get workshopName(): string {
    return this.view?.workshop.name ?? this.record.seat.workshop_name;
  }

  /** A new way into the seat. @throws UnauthorizedError where it is not theirs any more; UnavailableError */
  async access(signal?: AbortSignal): Promise<Access> {
    const problem = this.#problem();
    if (problem !== undefined) throw problem;
    try {
      return await this.ask((client, ended) => client.learnerAccess(ended), signal);
    } catch (error) {
      throw error instanceof UnauthorizedError ? (this.#problem() ?? error) : error;
    }
  }

  #problem(): Error | undefined {
    return learnerProblem(this.status, this.workshopName, Date.now(), this.#t);
  }
}
