/**
 * Which Host a request may name. A web page elsewhere can make its own name lead to this machine (DNS rebinding) and
 * so speak to a server on it; the name then stands in the Host header.
 */
import type { onRequestHookHandler } from 'fastify';
import { ForbiddenError, InvalidInputError } from '../../protocol/errors.ts';

/** The addresses on which nobody but this machine is reached, as they are listened on. */
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** @throws InvalidInputError where others could reach the address */
export function requireLoopback(host: string): void {
  if (LOOPBACK_HOSTS.has(host)) return;
  throw new InvalidInputError(
    `The control plane cannot listen on ${host}: serving others needs TLS, which this version does not speak. ` +
      'Use 127.0.0.1, ::1 or localhost.',
    { path: 'host' },
  );
}

/** Whether a Host header names this machine by a loopback name, with any port. */
export function namesLoopback(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  return name !== undefined && LOOPBACK_NAMES.has(name);
}

/** A Fastify `onRequest` hook. */
export const refuseForeignHosts: onRequestHookHandler = (request, _reply, done) => {
  if (namesLoopback(request.headers.host)) done();
  else
    done(
      new ForbiddenError('The control plane of this machine is called by 127.0.0.1 or localhost, by no other name.'),
    );
};
