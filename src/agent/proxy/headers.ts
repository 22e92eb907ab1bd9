/** Which headers pass between a client and a seat. */
import { HOP_BY_HOP_HEADERS } from '../../lib/hop-by-hop.ts';
import { REQUEST_ID_HEADER } from '../../lib/request-id.ts';
import { TRUSTED_HEADERS } from '../../protocol/agent.ts';
import { BEARER_SUBPROTOCOL_PREFIX } from '../../protocol/terminal.ts';
import type { Caller } from '../token.ts';

/** A header with its name as it was written. */
export type Header = readonly [name: string, value: string];

const HOP_BY_HOP = new Set(HOP_BY_HOP_HEADERS);

/** What is the agent's alone, and what it says itself. */
const NOT_FOR_THE_SEAT = new Set(['authorization', 'cookie', 'expect', 'host', REQUEST_ID_HEADER]);

const OUR_PREFIX = 'x-carapace-';
const SUBPROTOCOL = 'sec-websocket-protocol';

/** `IncomingMessage.rawHeaders`, names and values in turn, as pairs. */
function pairs(rawHeaders: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  }
  return headers;
}

function tokensOf(headers: readonly Header[], name: string): string[] {
  return headers
    .filter(([header]) => header.toLowerCase() === name)
    .flatMap(([, value]) => value.split(','))
    .map((token) => token.trim())
    .filter((token) => token !== '');
}

/** The subprotocols that a client offers, in its order. */
export function offeredSubprotocols(rawHeaders: readonly string[]): string[] {
  return tokensOf(pairs(rawHeaders), SUBPROTOCOL);
}

/** The token among offered subprotocols. */
export function bearerSubprotocol(offered: readonly string[]): string | undefined {
  const found = offered.find((protocol) => protocol.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  return found?.slice(BEARER_SUBPROTOCOL_PREFIX.length);
}

/** What the seat learns of the caller; a name may hold any letters, a header may not. */
function trusted(caller: Caller): Header[] {
  const role: Header = [TRUSTED_HEADERS.role, caller.role];
  return caller.name === undefined ? [role] : [role, [TRUSTED_HEADERS.name, encodeURIComponent(caller.name)]];
}

/** What a seat gets of a client's headers, whatever the request is. */
function passedOn(rawHeaders: readonly string[]): Header[] {
  const headers = pairs(rawHeaders);
  const named = new Set(tokensOf(headers, 'connection').map((name) => name.toLowerCase()));
  return headers.filter(([header]) => {
    const name = header.toLowerCase();
    const dropped = HOP_BY_HOP.has(name) || NOT_FOR_THE_SEAT.has(name) || named.has(name);
    return !dropped && !name.startsWith(OUR_PREFIX) && name !== SUBPROTOCOL;
  });
}

/** The headers of a plain request to a seat. */
export function requestHeaders(rawHeaders: readonly string[], caller: Caller): Header[] {
  return [...passedOn(rawHeaders), ...trusted(caller)];
}

/** The headers of a request to a seat to become a WebSocket. Such a request has no body. */
export function upgradeHeaders(rawHeaders: readonly string[], caller: Caller): Header[] {
  const passed = passedOn(rawHeaders).filter(([header]) => header.toLowerCase() !== 'content-length');
  const subprotocols = offeredSubprotocols(rawHeaders).filter((name) => !name.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  const offer: Header[] = subprotocols.length === 0 ? [] : [['Sec-WebSocket-Protocol', subprotocols.join(', ')]];
  return [
    ['Host', 'seat'],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ...passed,
    ...offer,
    ...trusted(caller),
  ];
}

/** What a client gets of a seat's headers. A seat must not set cookies for the agent's address. */
export function answerHeaders(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string | string[]> {
  const named = new Set(
    [headers['connection'] ?? []].flat().flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase())),
  );
  const passed: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    const dropped = HOP_BY_HOP.has(name) || named.has(name) || name === 'set-cookie';
    if (value !== undefined && !dropped) passed[name] = value;
  }
  return { ...passed, 'x-content-type-options': 'nosniff' };
}

/** What of the head of a seat's answer to an upgrade a client gets: the handshake, and how a refusal is framed and told. */
const HEAD_NAMES = new Set([
  'connection',
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'content-length',
  'content-type',
  'transfer-encoding',
  'retry-after',
  REQUEST_ID_HEADER,
]);

/**
 * The head of a seat's answer to an upgrade, as a client gets it: a browser obeys what else stands there, such as a cookie
 * for the whole address. @param head in latin1, with the empty line at its end
 */
export function answerHead(head: string): string {
  // Clients also take a bare line feed for the end of a line.
  const [status = '', ...lines] = head.split(/\r\n|\r|\n/);
  const passed = lines.filter((line) => HEAD_NAMES.has(line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase()));
  return [status, ...passed, '', ''].join('\r\n');
}
