/** Which headers pass between a client and a seat. */
import { REQUEST_ID_HEADER } from '../../lib/request-id.ts';
import { TRUSTED_HEADERS } from '../../protocol/agent.ts';
import { BEARER_SUBPROTOCOL_PREFIX } from '../../protocol/terminal.ts';
import type { Caller } from '../token.ts';

/** A header with its name as it was written. */
export type Header = readonly [name: string, value: string];

/** Of one connection only (RFC 9110, 7.6.1), with the two that frame a message's body. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

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
