/** The tokens that let people in: a seat token for the agent, a learner token for the control plane. */
import { errors, jwtVerify, SignJWT } from 'jose';
import * as z from 'zod';
import { workshopKey, type SeatClaims } from '../../protocol/access.ts';

/** The longest life of a seat token. */
const SEAT_TOKEN_SECONDS = 12 * 3600;
const LEARNER_AUDIENCE = 'carapace-learner';

const learnerClaimsSchema = z.object({ sub: z.string() });

/** A signed token, and when it ends. */
export interface SeatToken {
  readonly token: string;
  readonly expires_at: string;
}

/** A token for one seat, valid for 12 hours, which the agent checks by itself. */
export async function signSeatToken(
  workspaceTokenSecret: string,
  claims: Omit<SeatClaims, 'exp' | 'iat'>,
): Promise<SeatToken> {
  const expires = Math.floor(Date.now() / 1000) + SEAT_TOKEN_SECONDS;
  const token = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(await workshopKey(workspaceTokenSecret, claims.workshop_id));
  return { token, expires_at: new Date(expires * 1000).toISOString() };
}

/** Whether we signed a seat token, also one that has ended. The agent decides who enters: this only tells guesses from tokens. */
export async function isSeatToken(workspaceTokenSecret: string, workshopId: string, token: string): Promise<boolean> {
  try {
    await jwtVerify(token, await workshopKey(workspaceTokenSecret, workshopId), { algorithms: ['HS256'] });
    return true;
  } catch (error) {
    return error instanceof errors.JWTExpired;
  }
}

/** A token that names a learner; it is valid as long as the store knows the learner. */
export function signLearnerToken(key: string, learnerId: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(learnerId)
    .setAudience(LEARNER_AUDIENCE)
    .sign(new TextEncoder().encode(key));
}

/** The id of the learner whom a token names, or undefined where it is no such token. */
export async function verifyLearnerToken(key: string, token: string): Promise<string | undefined> {
  try {
    const options = { audience: LEARNER_AUDIENCE, algorithms: ['HS256'] };
    const { payload } = await jwtVerify(token, new TextEncoder().encode(key), options);
    return learnerClaimsSchema.parse(payload).sub;
  } catch {
    return undefined;
  }
}
