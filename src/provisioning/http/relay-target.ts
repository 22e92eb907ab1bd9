/** Where a request to a seat goes that comes to a server for others: the agent of its worker, on this machine. */
import type { IncomingMessage } from 'node:http';
import { bearerToken } from '../../lib/bearer.ts';
import { NotFoundError, UnauthorizedError, UnavailableError } from '../../protocol/errors.ts';
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
  readonly limiter: TokenLimiter;
}

/**
 * The agent to ask. It checks the token itself; here one that is not valid is only counted.
 * @param target the request's target, as the client wrote it
 * @throws NotFoundError, ForbiddenError, SlowDownError, UnauthorizedError, UnavailableError
 */
export async function relayTarget(
  { controlPlane, limiter }: Relay,
  target: string,
  request: IncomingMessage,
): Promise<RelayTarget> {
  const [, workshopId = '', seatText = ''] = TARGET.exec(target) ?? [];
  if (!idSchema.safeParse(workshopId).success) throw new NotFoundError('There is no seat at this address.');
  const { store, exposure } = controlPlane;
  const token = bearerToken(request.headers.authorization) ?? offeredToken(request);
  if (token === undefined) throw new UnauthorizedError('A seat opens with a token only: Authorization: Bearer …');
  const workshop = store.workshops.find(workshopId);
  const name = store.seats.find(workshopId, Number(seatText))?.worker ?? null;
  const worker = name === null ? undefined : store.workers.find(name);
  // Nothing is opened by a token there: a class whose workshop was stopped tries none out.
  if (worker === undefined) throw new NotFoundError('There is no such seat, or it does not run.');
  const secret = store.secrets.find(`worker/${worker.name}/workspace-token-secret`);
  if (secret === undefined || !(await isSeatToken(secret, workshopId, token))) {
    const refusal = limiter.refusal(request.socket.remoteAddress ?? '', 'The token is not valid. Ask for a new one.');
    if (!(refusal instanceof UnauthorizedError)) throw refusal;
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

/** Pages in a browser offer their token as a subprotocol. */
function offeredToken(request: IncomingMessage): string | undefined {
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  return offered.find((name) => name.startsWith(BEARER_SUBPROTOCOL_PREFIX))?.slice(BEARER_SUBPROTOCOL_PREFIX.length);
}
