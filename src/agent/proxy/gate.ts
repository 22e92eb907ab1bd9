/** Lets a request pass to its seat, or says why not. */
import { ForbiddenError, NotFoundError, UnauthorizedError, UnavailableError } from '../../protocol/errors.ts';
import type { SeatRegistry } from '../seats/seat-registry.ts';
import { mayEnter, type Caller, type TokenVerifier } from '../token.ts';
import type { RunningSeat } from '../vmm/driver.ts';
import { parseTarget, type ProxyTarget } from './target.ts';

export interface Gate {
  readonly seats: SeatRegistry;
  readonly verify: TokenVerifier;
  /** Origins of web pages that may use the proxy, such as `https://class.example.org`. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Whether the seats of an earlier agent have been taken over. */
  isOpen(): boolean;
}

/** A request that may pass. */
export interface Admission {
  readonly target: ProxyTarget;
  readonly caller: Caller;
  readonly seat: RunningSeat;
  /** Aborts when the seat is not that one any more, or has ended. */
  readonly gone: AbortSignal;
}

/** While the agent takes over the seats of an earlier one nobody can say which seats there are. */
export function requireOpen(isOpen: boolean): void {
  if (isOpen) return;
  const details = { retry_after_seconds: 1 };
  throw new UnavailableError('The agent is starting and looks for its seats. Try again in a moment.', details);
}

/**
 * Decides about a request.
 * @param requestTarget as the client wrote it
 * @throws NotFoundError, ForbiddenError, UnauthorizedError, UnavailableError
 */
export async function admit(
  gate: Gate,
  requestTarget: string,
  origin: string | undefined,
  token: string | undefined,
): Promise<Admission> {
  const target = parseTarget(requestTarget);
  if (target === undefined) throw new NotFoundError('The proxy has no such address.');
  if (origin !== undefined && !gate.allowedOrigins.has(origin)) {
    throw new ForbiddenError('Pages of this origin may not use the seats of this agent.');
  }
  if (token === undefined) throw new UnauthorizedError('A seat opens with a token only: Authorization: Bearer …');
  const caller = await gate.verify(token);
  if (caller === undefined) throw new UnauthorizedError('The token is not valid, or not any more. Ask for a new one.');
  if (!mayEnter(caller, target.key)) throw new ForbiddenError('The token is for another seat.');
  requireOpen(gate.isOpen());
  return { target, caller, seat: gate.seats.ready(target.key), gone: gate.seats.gone(target.key) };
}
