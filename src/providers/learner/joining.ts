/** Joins a workshop: keeps the code to come back with before it is used, so that a lost answer costs no seat. */
import type { Connection } from '../../client/connection.ts';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import type { Joined as JoinAnswer, JoinRequest, LearnerView } from '../../protocol/access.ts';
import { CarapaceError, ConflictError, TimedOutError, UnavailableError } from '../../protocol/errors.ts';
import { randomText } from '../../protocol/names.ts';
import type { Translate } from '../../client/translate.ts';
import { joinedId, type Joined, type JoinedSeat } from './joined-seat.ts';
import type { JoinedStore } from './joined-store.ts';
import type { LearnerSession } from './learner-session.ts';
import type { Learners } from './learners.ts';

/** 31 to the power of 26: nobody guesses it. */
const REJOIN_CODE_LENGTH = 26;
/** How long the first look at the seat may take, in milliseconds. */
const LOOK_MS = 5_000;

export interface JoiningParts {
  readonly store: JoinedStore;
  readonly learners: Learners;
  readonly connect: (connection: Connection) => Pick<ControlPlaneClient, 'join' | 'learner'>;
  /** Whether this editor's own control plane, at another address, has a workshop of that id. */
  readonly isOwnElsewhere: (workshopId: string, url: string) => boolean;
  readonly t: Translate;
}

/** `server` is null for the control plane of this machine; `url` is where it is now. */
export interface JoinWish {
  readonly server: string | null;
  readonly url: string;
  readonly certificate: string | undefined;
  readonly code: string;
  /** From a personal link. */
  readonly rejoinCode: string | undefined;
  readonly name: string;
}

/**
 * Joins, or joins again: the same server and code lead to the same seat.
 * @throws NotFoundError, NoSeatsError, NotRunningError, SlowDownError, UnavailableError as the server says
 */
export async function joinWorkshop(parts: JoiningParts, wish: JoinWish, signal: AbortSignal): Promise<LearnerSession> {
  const { server, code, url, certificate, name } = wish;
  const id = joinedId({ server, code });
  const kept = await parts.store.get(id);
  const rejoin_code = wish.rejoinCode ?? kept?.rejoin_code ?? randomText(REJOIN_CODE_LENGTH);
  const pinned = certificate === undefined ? {} : { certificate };
  const record: JoinedSeat = { server, ...pinned, code, rejoin_code, name };
  if (kept === undefined) await parts.store.put(record);
  try {
    const connection = { url, token: '', ...pinned };
    const answer = await parts.connect(connection).join(requestOf(record), signal);
    refuseTaken(parts, answer, wish);
    const view = await look(parts, answer, connection);
    return await parts.learners.add(joinedRecord(record, answer, view), view);
  } catch (error) {
    // What may have arrived keeps its code: the next try then finds the seat that this one took.
    const lost = error instanceof UnavailableError || error instanceof TimedOutError || signal.aborted;
    if (kept === undefined && error instanceof CarapaceError && !lost) await parts.store.remove(id);
    throw error;
  }
}

function requestOf({ code, name, rejoin_code }: JoinedSeat): JoinRequest {
  return { code, name, rejoin_code };
}

/** Ways into seats are looked up by the workshop's id, which a server makes: no other server may take one that is in use. */
function refuseTaken(
  { learners, isOwnElsewhere, t }: JoiningParts,
  answer: JoinAnswer,
  { server, url }: JoinWish,
): void {
  const earlier = learners.of(answer.workshop_id);
  const joinedElsewhere = earlier !== undefined && earlier.record.server !== server;
  if (!joinedElsewhere && !isOwnElsewhere(answer.workshop_id, url)) return;
  throw new ConflictError(
    t('You have a workshop of that id from another address already. Use that one, or leave it first.'),
  );
}

/** What the seat is. It is not worth a failure: it comes with the session, too. */
async function look(parts: JoiningParts, answer: JoinAnswer, connection: Connection): Promise<LearnerView | undefined> {
  const client = parts.connect({ ...connection, token: answer.learner_token });
  return client.learner(AbortSignal.timeout(LOOK_MS)).catch(() => undefined);
}

function joinedRecord(record: JoinedSeat, answer: JoinAnswer, view: LearnerView | undefined): Joined {
  const { workshop_id: workshop, seat: number, learner_token, rejoin_code } = answer;
  const workshop_name = view?.workshop.name ?? workshop;
  return {
    ...record,
    rejoin_code,
    name: view?.name ?? record.name,
    seat: { workshop, workshop_name, number, learner_token },
  };
}
