/** Lets in what is meant for this server: asked by its own name, and by no page of another site. */
import type { IncomingHttpHeaders } from 'node:http';
import type { onRequestHookHandler } from 'fastify';
import { ForbiddenError } from '../../protocol/errors.ts';
import { refuseHost } from './host-check.ts';

/** Why a request is refused before anything is looked at; undefined where it may go on. */
export type SiteGuard = (request: { readonly headers: IncomingHttpHeaders }) => ForbiddenError | undefined;

/** @param publicUrl what a server for others is called, which speaks TLS; absent for one of this machine alone */
export function siteGuard(publicUrl?: () => string): SiteGuard {
  return ({ headers: { host, origin } }) => {
    const site = publicUrl?.();
    return refuseHost(host, site) ?? (origin === undefined ? undefined : refuseOrigin(origin, host, site));
  };
}

/** A Fastify `onRequest` hook. */
export function guardSite(guard: SiteGuard): onRequestHookHandler {
  return (request, _reply, done) => done(guard(request.raw));
}

/**
 * A browser says by `Origin` whose page sends a request, and no page can change that. This server's own has the scheme and
 * the name by which the page itself was asked for, or, behind a proxy, the server's public name.
 */
function refuseOrigin(origin: string, host: string | undefined, site: string | undefined): ForbiddenError | undefined {
  const asked = `${site === undefined ? 'http' : 'https'}://${host ?? ''}`;
  const own = [asked, ...(site === undefined ? [] : [site])].filter((url) => URL.canParse(url));
  if (own.some((url) => new URL(url).origin === origin)) return undefined;
  return new ForbiddenError(
    'Pages of other sites may not use this server, only its own. Whoever runs it under another name sets that by --public-url.',
  );
}
