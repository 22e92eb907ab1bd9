/**
 * Which Host a request may name. A web page elsewhere can make its own name lead to this machine (DNS rebinding) and
 * so speak to a server on it; the name then stands in the Host header.
 */
import { isIP } from 'node:net';
import { ForbiddenError } from '../../protocol/errors.ts';

/** The addresses on which nobody but this machine is reached, as they are listened on. */
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Whether nobody but this machine reaches an address to listen on. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_HOSTS.has(host);
}

/** Whether a Host header names this machine by a loopback name, with any port. */
export function namesLoopback(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  return name !== undefined && LOOPBACK_NAMES.has(name);
}

/** Whether a Host header names a server for others: by its own name, or by an address, which nobody can rebind. */
export function namesSite(host: string | undefined, publicUrl: string): boolean {
  if (namesLoopback(host)) return true;
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  if (name === undefined || name === '') return false;
  return name === new URL(publicUrl).hostname || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}

/**
 * Why a request is not meant for this server; undefined where it is.
 * @param publicUrl what a server for others is called; undefined for one of this machine alone
 */
export function refuseHost(host: string | undefined, publicUrl: string | undefined): ForbiddenError | undefined {
  if (publicUrl === undefined) {
    if (namesLoopback(host)) return undefined;
    return new ForbiddenError(
      'The control plane of this machine is called by 127.0.0.1 or localhost, by no other name.',
    );
  }
  if (namesSite(host, publicUrl)) return undefined;
  return new ForbiddenError(
    `This server is called by another name: ${publicUrl}. Whoever runs it sets it by --public-url.`,
  );
}
