/**
 * The pages for browsers: behind a join link, and a learner's seat. They take no token, and have no secret: the code is in
 * the fragment of the link, which no browser sends to any server.
 */
import { extname } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpService } from '../../lib/http-service.ts';
import type { BrowserFileName, BrowserFiles } from './browser-files.ts';

/** Each by the path under which a browser asks for it. */
const PAGES: Readonly<Record<string, BrowserFileName>> = {
  '/join': 'join.html',
  '/seat': 'seat.html',
  '/browser/join.js': 'join.js',
  '/browser/join.css': 'join.css',
  '/browser/seat.js': 'seat.js',
  '/browser/seat.css': 'seat.css',
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** Of every answer. Nothing of it can be shown inside of another site's page, or used by one. */
const HEADERS = {
  'cache-control': 'no-cache',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  vary: 'accept-encoding',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** What a page may do: run this server's scripts, and speak to this server. */
function policy(style: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${style}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const STRICT = policy("'self'");
/** The terminal measures and colours its letters by styles that it makes up. */
const WITH_TERMINAL = policy("'self' 'unsafe-inline'");

const MISSING =
  'This server has no pages for browsers: its installation is not whole. Whoever runs it builds or installs it again. ' +
  'Until then join from VS Code with the extension Carapace, or by "carapace join LINK" in a terminal.';

/** Adds the pages. Without their files they say so, and everything else goes on. */
export function addBrowserPages(service: HttpService, files: BrowserFiles): void {
  for (const [path, name] of Object.entries(PAGES)) {
    service.get(path, (request, reply) => send(files, name, request, reply));
  }
}

function send(files: BrowserFiles, name: BrowserFileName, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const file = files.get(name);
  void reply.headers({ ...HEADERS, 'content-security-policy': name === 'seat.html' ? WITH_TERMINAL : STRICT });
  if (file === undefined) return reply.code(503).type('text/plain; charset=utf-8').send(MISSING);
  const isPacked = takesGzip(request.headers['accept-encoding']);
  const { bytes, etag } = isPacked ? file.packed : file.plain;
  void reply.header('etag', etag);
  if (hasIt(request.headers['if-none-match'], etag)) return reply.code(304).send();
  if (isPacked) void reply.header('content-encoding', 'gzip');
  return reply.type(TYPES[extname(name)] ?? '').send(bytes);
}

/** Whether a client takes gzip by name; one that gives it no weight does not. */
function takesGzip(header: string | string[] | undefined): boolean {
  const codings = String(header ?? '')
    .toLowerCase()
    .split(',');
  return codings.some((coding) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/.test(coding));
}

/** Whether a client has those bytes already (RFC 9110, 13.1.2). */
function hasIt(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
