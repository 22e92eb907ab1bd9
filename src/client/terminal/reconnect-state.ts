/** When a terminal connects again, after how long, and when it gives up: a pure state machine. */
import {
  ConflictError,
  NotFoundError,
  UnauthorizedError,
  UnavailableError,
  type CarapaceError,
  type ErrorCode,
} from '../../protocol/errors.ts';
import { CLOSE_CODE } from '../../protocol/terminal.ts';
import { backoffMs } from '../backoff.ts';

/**
 * `connecting`: an attempt is under way. `waiting`: the next one comes after `delayMs`. `connected`: bytes flow.
 * `ended`: for good; with `failure` where neither the shell nor the user ended it.
 */
export interface ReconnectState {
  readonly phase: 'connecting' | 'connected' | 'waiting' | 'ended';
  /** Whether the terminal was ever connected. */
  readonly established: boolean;
  /** Attempts that failed since it was last connected. */
  readonly failures: number;
  /** How many of those in a row were refused for their token. */
  readonly refusals: number;
  /** Whether to ask for access again before the next attempt: the token or the endpoint may have changed. */
  readonly renewAccess: boolean;
  readonly delayMs: number;
  readonly failure: CarapaceError | undefined;
}

/** `random` is in [0, 1) and comes from outside, to keep the reducer pure. */
export type ReconnectEvent =
  | { readonly type: 'connected' }
  /** The connection broke, or could not be made. */
  | { readonly type: 'failed'; readonly error: CarapaceError; readonly random: number }
  /** The other side closed the WebSocket with this code. */
  | { readonly type: 'closed'; readonly code: number; readonly random: number }
  | { readonly type: 'delay-over' }
  /** The two sides do not agree any more; going on would garble what is typed or shown. */
  | { readonly type: 'broken'; readonly error: CarapaceError }
  | { readonly type: 'exited' }
  | { readonly type: 'disposed' };

export const INITIAL_STATE: ReconnectState = {
  phase: 'connecting',
  established: false,
  failures: 0,
  refusals: 0,
  renewAccess: true,
  delayMs: 0,
  failure: undefined,
};

/** A terminal that was never connected gives up after so many attempts: somebody waits for it. */
export const MAX_FIRST_ATTEMPTS = 6;
/** Fresh tokens that are refused so often in a row will be refused for ever. */
export const MAX_REFUSALS = 3;

/** Causes that may pass by themselves; every other one is for good. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'TIMED_OUT', 'SLOW_DOWN', 'INTERNAL']);

/** Close codes of RFC 6455, 7.4.1, that another attempt would only meet again. */
const PROTOCOL_CODES: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009, 1010]);

/** The next state; an ended terminal stays ended. */
export function reduce(state: ReconnectState, event: ReconnectEvent): ReconnectState {
  if (state.phase === 'ended') return state;
  switch (event.type) {
    case 'connected':
      return { ...INITIAL_STATE, phase: 'connected', established: true, renewAccess: false };
    case 'failed':
      return afterFailure(state, event.error, event.random);
    case 'closed':
      return afterFailure(state, errorOfCloseCode(event.code, state.established), event.random);
    case 'delay-over':
      return state.phase === 'waiting' ? { ...state, phase: 'connecting' } : state;
    case 'broken':
      return { ...state, phase: 'ended', failure: event.error };
    case 'exited':
    case 'disposed':
      return { ...state, phase: 'ended' };
  }
}

function afterFailure(state: ReconnectState, error: CarapaceError, random: number): ReconnectState {
  const refusals = error.code === 'UNAUTHORIZED' ? state.refusals + 1 : 0;
  const failures = state.failures + 1;
  const hopeless = error.code === 'UNAUTHORIZED' ? refusals >= MAX_REFUSALS : !PASSING.has(error.code);
  const impatient = !state.established && failures >= MAX_FIRST_ATTEMPTS;
  if (hopeless || impatient) return { ...state, phase: 'ended', failures, refusals, failure: error };
  return {
    ...state,
    phase: 'waiting',
    failures,
    refusals,
    // A connection that worked and broke may come back where it was; anything else asks where to go.
    renewAccess: state.phase !== 'connected' || error.code === 'UNAUTHORIZED',
    delayMs: backoffMs(state.failures, random),
  };
}

/** What a close code means. */
function errorOfCloseCode(code: number, established: boolean): CarapaceError {
  if (code === CLOSE_CODE.unauthorized) return new UnauthorizedError('The seat refused the token.');
  if (code === CLOSE_CODE.superseded) {
    return new ConflictError('This terminal was taken over by another connection. Open it again to take it back.');
  }
  if (code === CLOSE_CODE.notFound) {
    return established
      ? new NotFoundError('The shell has ended meanwhile.')
      : new NotFoundError('There is no such terminal session in the seat: it has ended, or it never was.');
  }
  if (PROTOCOL_CODES.has(code)) {
    return new ConflictError(
      `The seat does not understand this client (WebSocket close code ${code}). Update Carapace.`,
    );
  }
  return new UnavailableError(`The connection to the seat was lost (WebSocket close code ${code}).`);
}

/** What a person is told of the state. */
export type TerminalState = 'connecting' | 'connected' | 'reconnecting' | 'closed';

export function visibleState(state: ReconnectState): TerminalState {
  if (state.phase === 'ended') return 'closed';
  if (state.phase === 'connected') return 'connected';
  return state.established ? 'reconnecting' : 'connecting';
}
