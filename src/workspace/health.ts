/** `GET /health`, the same on both ports. */
import { VERSION } from '../lib/version.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import { RefusedError, sendJson, type Exchange } from './http/exchange.ts';

export interface HealthSource {
  /** Shells that run. */
  readonly sessions: number;
  /** Connections to them, and how many of these only watch. */
  readonly connections: number;
  readonly viewers: number;
}

export function answerHealth(exchange: Exchange, source: HealthSource): void {
  allowMethods(exchange, ['GET', 'HEAD']);
  const { sessions, connections, viewers } = source;
  const uptime = Math.floor(process.uptime());
  sendJson(exchange, 200, { status: 'ok', version: VERSION, uptime_seconds: uptime, sessions, connections, viewers });
}

/** @throws RefusedError with status 405 (RFC 9110, 15.5.6) where the method is none of these */
export function allowMethods(exchange: Exchange, methods: readonly string[]): void {
  if (methods.includes(exchange.method)) return;
  const allowed = methods.join(', ');
  const cause = new InvalidInputError(`${exchange.method} cannot be used here, only ${allowed}.`);
  throw new RefusedError(cause, 405, { Allow: allowed });
}
