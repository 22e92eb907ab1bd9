/** Who may pass the proxy: the holder of the agent's own token, or of a seat token. */
import { decodeJwt, errors, jwtVerify, type CryptoKey } from 'jose';
import { seatClaimsSchema, workshopKey, type Role } from '../protocol/access.ts';
import { idSchema } from '../protocol/names.ts';
import { sameSecret } from '../lib/bearer.ts';
import type { SeatKey } from './vmm/driver.ts';

/** A caller whose token is valid. Without a seat it may enter every one. */
export interface Caller {
  readonly role: Role;
  readonly name: string | undefined;
  readonly seat: SeatKey | undefined;
}

/** Undefined for a token that is not valid, or not any more. */
export type TokenVerifier = (token: string) => Promise<Caller | undefined>;

/** Workshops whose keys are remembered. */
const REMEMBERED_KEYS = 256;

/** Clocks of two machines differ a little; in seconds. */
const CLOCK_TOLERANCE = 5;

/** The workshop that a token says it is for. Nothing is believed of it until the signature has been checked. */
function claimedWorkshop(token: string): string | undefined {
  try {
    return idSchema.safeParse(decodeJwt(token)['workshop_id']).data;
  } catch {
    return undefined;
  }
}

/** In the form in which it checks: to import it for each request would take longer than the check. */
function importKey(key: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', new Uint8Array(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

/**
 * Makes the check of tokens.
 * @param agentToken opens every seat, as an instructor
 * @param workspaceTokenSecret what the keys of seat tokens are derived from (see `workshopKey`)
 * @param isRevoked whether learners' tokens of that generation of a seat are not valid any more
 */
export function createTokenVerifier(
  agentToken: string,
  workspaceTokenSecret: string,
  isRevoked: (seat: SeatKey, generation: number) => boolean,
): TokenVerifier {
  const keys = new Map<string, CryptoKey>();

  /** Remembered after a token has proved to be right, so that made up workshops cannot fill the memory. */
  function remember(workshopId: string, key: CryptoKey): void {
    keys.delete(workshopId);
    keys.set(workshopId, key);
    const [oldest] = keys.keys();
    if (keys.size > REMEMBERED_KEYS && oldest !== undefined) keys.delete(oldest);
  }

  return async (token) => {
    if (sameSecret(token, agentToken)) return { role: 'instructor', name: undefined, seat: undefined };
    const workshopId = claimedWorkshop(token);
    if (workshopId === undefined) return undefined;
    const key = keys.get(workshopId) ?? (await importKey(await workshopKey(workspaceTokenSecret, workshopId)));
    try {
      const options = { algorithms: ['HS256'], requiredClaims: ['exp'], clockTolerance: CLOCK_TOLERANCE };
      const claims = seatClaimsSchema.safeParse((await jwtVerify(token, key, options)).payload);
      if (!claims.success) return undefined;
      remember(workshopId, key);
      const { role, name, seat, generation = 0 } = claims.data;
      const seatKey = { workshopId, seatId: seat };
      // The teacher's own tokens stay: only a learner can lose a seat.
      if (role === 'learner' && isRevoked(seatKey, generation)) return undefined;
      return { role, name, seat: seatKey };
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** Whether a caller may enter a seat. */
export function mayEnter(caller: Caller, seat: SeatKey): boolean {
  if (caller.seat === undefined) return true;
  return caller.seat.workshopId === seat.workshopId && caller.seat.seatId === seat.seatId;
}
