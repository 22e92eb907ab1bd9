/** Bearer tokens of HTTP requests (RFC 6750). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { UnauthorizedError } from '../protocol/errors.ts';

/** Whether two secrets are the same, in a time that tells nothing of where they differ or how long they are. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** The token of an Authorization header, or undefined where there is none or it is of another kind. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1];
}

/** A Fastify `onRequest` hook that refuses every request without this token. */
export function requireBearer(
  expected: string,
): (request: { headers: IncomingHttpHeaders }, reply: unknown, done: (error?: Error) => void) => void {
  if (expected === '') throw new RangeError('An empty token protects nothing.');
  return (request, _reply, done) => {
    const given = bearerToken(request.headers.authorization);
    if (given === undefined) done(new UnauthorizedError('This call needs a token: Authorization: Bearer …'));
    else if (!sameSecret(given, expected)) done(new UnauthorizedError('The token of this call is not valid.'));
    else done();
  };
}
