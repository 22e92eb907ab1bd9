/** The learner's seat as the page follows it: what is kept, what the server tells, and the way in. */
import { LearnerCalls } from '../../client/learner-calls.ts';
import { LearnerFollower } from '../../client/learner/learner-follower.ts';
import type { LearnerStatus } from '../../client/learner/learner-status.ts';
import type { Access, LearnerView } from '../../protocol/access.ts';
import { FetchTransport } from '../fetch-transport.ts';
import type { KeptSeat, KeptSeats } from '../kept-seats.ts';
import { t } from '../language.ts';
import { constantToken } from '../tokens.ts';
import { Pause } from './pause.ts';

export interface OwnSeatParts {
  readonly base: string;
  readonly kept: KeptSeat;
  readonly seats: KeptSeats;
  readonly changed: () => void;
}

export class OwnSeat {
  readonly #parts: OwnSeatParts;
  readonly #calls: LearnerCalls;
  #kept: KeptSeat;
  readonly #follower: LearnerFollower;
  #isFollowing = false;

  constructor(parts: OwnSeatParts) {
    this.#parts = parts;
    this.#kept = parts.kept;
    this.#calls = new LearnerCalls(new FetchTransport(parts.base, constantToken(parts.kept.learner_token)));
    this.#follower = new LearnerFollower({
      learnerToken: parts.kept.learner_token,
      connect: () => Promise.resolve(this.#calls),
      pause: new Pause(),
      changed: parts.changed,
      dropped: () => undefined,
      t,
    });
  }

  get kept(): KeptSeat {
    return this.#kept;
  }

  get status(): LearnerStatus {
    return this.#follower.status;
  }

  get view(): LearnerView | undefined {
    return this.#follower.view;
  }

  /**
   * Follows what the server tells, for as long as the page is seen: a browser has few connections to one server, and each
   * of its pages would hold one.
   */
  follow(isSeen: boolean): void {
    if (isSeen === this.#isFollowing) return;
    this.#isFollowing = isSeen;
    if (isSeen) this.#follower.start();
    else this.#follower.stop();
  }

  /** Looks again now: the network may be back. */
  poke(): void {
    this.#follower.poke();
  }

  /** A new way into the seat. @throws UnauthorizedError where it is not theirs any more; UnavailableError */
  access(): Promise<Access> {
    return this.#follower.ask((client, signal) => client.learnerAccess(signal));
  }

  /** Keeps the shell to come back to; undefined where there is none any more. */
  keepSession(session: string | undefined): void {
    const others = { ...this.#kept };
    delete others.session;
    this.#keep(session === undefined ? others : { ...others, session });
  }

  /** Keeps what the seat is called now. */
  keepNames(names: Pick<KeptSeat, 'workshop_name' | 'name'>): void {
    this.#keep({ ...this.#kept, ...names });
  }

  /** Nothing leads back to the seat from this browser any more. */
  forget(): void {
    if (this.#isKept()) this.#parts.seats.forget(this.#kept.workshop_id);
  }

  #keep(kept: KeptSeat): void {
    this.#kept = kept;
    if (this.#isKept()) this.#parts.seats.put(kept);
  }

  /** Another page of this browser may have forgotten the seat meanwhile, or taken another one: that stays so. */
  #isKept(): boolean {
    const { workshop_id, learner_token } = this.#kept;
    return this.#parts.seats.get(workshop_id)?.learner_token === learner_token;
  }
}
