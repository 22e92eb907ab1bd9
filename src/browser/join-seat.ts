/** Joins from a page: keeps the code to come back with before it is used, so that a lost answer costs no seat. */
import type { LearnerCalls } from '../client/learner-calls.ts';
import type { LearnerView } from '../protocol/access.ts';
import { CarapaceError, NotFoundError, TimedOutError, UnavailableError } from '../protocol/errors.ts';
import { randomText } from '../protocol/names.ts';
import type { KeptSeat, KeptSeats } from './kept-seats.ts';

/** 31 to the power of 26: nobody guesses it. */
const REJOIN_CODE_LENGTH = 26;

export interface JoiningParts {
  readonly seats: KeptSeats;
  readonly server: Pick<LearnerCalls, 'join'>;
  /** The server as the learner of that token. */
  readonly as: (learnerToken: string) => Pick<LearnerCalls, 'learner'>;
}

export interface JoinWish {
  /** In its normal form. */
  readonly code: string;
  /** From a personal link. */
  readonly rejoinCode: string | undefined;
  /** '' for none: the server then makes one up. */
  readonly name: string;
  /** Whether to take a seat of their own, although this browser has one: several people use it. */
  readonly isSomebodyElse?: boolean;
}

/**
 * Joins, or joins again: the same code leads this browser to the same seat.
 * @throws NotFoundError, NoSeatsError, NotRunningError, SlowDownError, InvalidInputError as the server says; UnavailableError
 */
export async function joinSeat(parts: JoiningParts, wish: JoinWish, signal?: AbortSignal): Promise<KeptSeat> {
  const { seats, server } = parts;
  const { code } = wish;
  const own = wish.isSomebodyElse === true ? undefined : seats.byCode(code)?.rejoin_code;
  const known = wish.rejoinCode ?? own ?? seats.joining(code);
  const rejoin_code = known ?? randomText(REJOIN_CODE_LENGTH);
  if (wish.rejoinCode === undefined) seats.keepJoining(code, rejoin_code);
  const name = wish.name.trim();
  try {
    const answer = await server.join({ code, rejoin_code, ...(name !== '' && { name }) }, signal);
    const { workshop_id, seat, learner_token } = answer;
    const view = await look(parts, learner_token, signal);
    const kept: KeptSeat = {
      workshop_id,
      workshop_name: view?.workshop.name ?? workshop_id,
      seat,
      name: view?.name ?? name,
      code,
      rejoin_code: answer.rejoin_code,
      learner_token,
    };
    seats.put(kept);
    seats.forgetJoining(code);
    return kept;
  } catch (error) {
    // What may have arrived keeps its code: the next try then finds the seat that this one took.
    const isLost = error instanceof UnavailableError || error instanceof TimedOutError;
    const isRefused = known === undefined && error instanceof CarapaceError && !isLost;
    if (isRefused || error instanceof NotFoundError) seats.forgetJoining(code);
    throw error;
  }
}

/** What the seat is. It is not worth a failure: the seat's page asks again. */
function look(parts: JoiningParts, token: string, signal: AbortSignal | undefined): Promise<LearnerView | undefined> {
  return parts
    .as(token)
    .learner(signal)
    .catch(() => undefined);
}
