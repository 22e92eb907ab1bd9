/** Who may call what: the teacher's token opens everything but what is a learner's own: their view, their seat, their events. */
import type { FastifyRequest } from 'fastify';
import { bearerToken, sameSecret } from '../../lib/bearer.ts';
import { ForbiddenError, UnauthorizedError } from '../../protocol/errors.ts';
import type { TokenLimiter } from '../failure-limiter.ts';
import type { LearnerRow } from '../store/learners.ts';

/** Somebody whose token is valid. */
export type Caller = { readonly role: 'teacher' } | { readonly role: 'learner'; readonly learner: LearnerRow };

export interface Authority {
  /** The control plane's own token. */
  readonly token: string;
  /** The learner whom a learner token names; undefined where it names none. */
  learnerOf(token: string): Promise<LearnerRow | undefined>;
  /** Slows down who tries tokens; absent where only this machine's user can call. */
  readonly limiter?: TokenLimiter;
}

/** @throws UnauthorizedError without a valid token */
export async function callerOf(request: FastifyRequest, authority: Authority): Promise<Caller> {
  const given = bearerToken(request.headers.authorization);
  if (given === undefined) throw new UnauthorizedError('This call needs a token: Authorization: Bearer …');
  if (sameSecret(given, authority.token)) return { role: 'teacher' };
  const learner = await authority.learnerOf(given);
  if (learner === undefined) {
    const message = 'The token of this call is not valid.';
    throw authority.limiter?.refusal(request.ip, message) ?? new UnauthorizedError(message);
  }
  return { role: 'learner', learner };
}

/** @throws UnauthorizedError without a valid token, ForbiddenError with the teacher's */
export async function requireLearner(request: FastifyRequest, authority: Authority): Promise<LearnerRow> {
  const caller = await callerOf(request, authority);
  if (caller.role === 'learner') return caller.learner;
  throw new ForbiddenError("This is a learner's own. It takes the learner_token that joining answers.");
}

/** @throws UnauthorizedError without a valid token, ForbiddenError with a learner's */
export async function requireTeacher(request: FastifyRequest, authority: Authority): Promise<void> {
  const { role } = await callerOf(request, authority);
  if (role === 'learner') throw new ForbiddenError("A learner's token does not open this. It takes the teacher's.");
}
