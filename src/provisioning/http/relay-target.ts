/** Where a request to a seat goes that comes to this server: the agent of its worker, on this machine. */
import type { IncomingMessage } from 'node:http';
import { bearerToken } from '../../lib/bearer.ts';
import { NotFoundError, SlowDownError, UnauthorizedError, UnavailableError } from '../../protocol/errors.ts';
import { idSchema } from '../../protocol/names.ts';
import { BEARER_SUBPROTOCOL_PREFIX } from '../../protocol/terminal.ts';
import type { ControlPlane } from '../control-plane.ts';
import { permitRuntime } from '../exposure.ts';
import type { TokenLimiter } from '../failure-limiter.ts';
import { isSeatToken } from '../workshop/tokens.ts';

/** What all addresses of seats begin with; what follows is the agent's to read. */
export const RELAY_PREFIX = '/proxy/';

const TARGET = /^\/proxy\/([a-z0-9][a-z0-9-]{0,62})\/([1-9][0-9]{0,2})\//;

export interface RelayTarget {
  readonly hostname: string;
  readonly port: number;
}

export interface Relay {
  readonly controlPlane: Pick<ControlPlane, 'store' | 'exposure'>;
  /** Slows down who tries tokens; absent where only this machine's user can call. */
  readonly limiter?: TokenLimiter;
}

/** The tokens that a request to a seat brings. */
export interface SeatTokens {
  /** Of its Authorization header. */
  readonly bearer: string | undefined;
  /** Offered as a subprotocol, as pages in a browser do for a WebSocket: they can send it no header. */
  readonly offered: string | undefined;
}

/** The tokens of a request to become a WebSocket. */
export function tokensOf({ headers }: Pick<IncomingMessage, 'headers'>): SeatTokens {
  const names = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  const offered = names.find((name) => name.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  return { bearer: bearerToken(headers.authorization), offered: offered?.slice(BEARER_SUBPROTOCOL_PREFIX.length) };
}

/**
 * The agent to ask. It checks the token itself; here one that is not valid is only counted.
 * @param target the request's target, as the client wrote it
 * @param address where it comes from
 * @throws NotFoundError, ForbiddenError, SlowDownError, UnauthorizedError, UnavailableError
 */
export async function relayTarget(
  { controlPlane, limiter }: Relay,
  target: string,
  token: string | undefined,
  address: string,
): Promise<RelayTarget> {
  const [, workshopId = '', seatText = ''] = TARGET.exec(target) ?? [];
  if (!idSchema.safeParse(workshopId).success) throw new NotFoundError('There is no seat at this address.');
  const { store, exposure } = controlPlane;
  if (token === undefined) throw new UnauthorizedError('A seat opens with a token only: Authorization: Bearer …');
  const workshop = store.workshops.find(workshopId);
  const name = store.seats.find(workshopId, Number(seatText))?.worker ?? null;
  const worker = name === null ? undefined : store.workers.find(name);
  // Nothing is opened by a token there: a class whose workshop was stopped tries none out.
  if (worker === undefined) throw new NotFoundError('There is no such seat, or it does not run.');
  const secret = store.secrets.find(`worker/${worker.name}/workspace-token-secret`);
  if (secret === undefined || !(await isSeatToken(secret, workshopId, token))) {
    const refusal = limiter?.refusal(address, 'The token is not valid. Ask for a new one.');
    if (refusal instanceof SlowDownError) throw refusal;
  }
  if (workshop !== undefined) permitRuntime(exposure, workshop.runtime);
  if (worker.endpoint === null) throw unreachable();
  const { hostname, port } = new URL(worker.endpoint);
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

export function unreachable(cause?: unknown): UnavailableError {
  const details = { retry_after_seconds: 2 };
  return new UnavailableError('The worker of this seat cannot be reached now. Try again in a moment.', details, {
    cause,
  });
}
