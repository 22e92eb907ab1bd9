/** Which headers pass between the clients of this server and the agents of its seats. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { HOP_BY_HOP_HEADERS } from '../../lib/hop-by-hop.ts';
import { REQUEST_ID_HEADER } from '../../lib/request-id.ts';

/** What the agent is told by this server, or not at all. An origin has been checked here: the agent has a list of its own. */
const OWN = ['cookie', 'expect', 'host', 'origin', REQUEST_ID_HEADER];

/**
 * What clients get of an answer's headers. All others are left out: a learner can be the master of a seat's servers, and a
 * browser obeys headers that are for the whole address, such as `Set-Cookie`, `Clear-Site-Data` or `Alt-Svc`.
 */
const ANSWER_NAMES = [
  'accept-ranges',
  'allow',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'retry-after',
  'vary',
  'www-authenticate',
  REQUEST_ID_HEADER,
];

/**
 * What comes from a seat is never a page, a script or a frame of this server: a browser that were made to show it would
 * find nothing in it that runs, and would not have kept it for a request without the token.
 */
const HARMLESS = {
  'cache-control': 'no-store',
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** The headers of a request as the agent gets them, without what frames its body. */
export function headersForAgent({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, id: string): OutgoingHttpHeaders {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[index + 1] ?? '']);
  }
  const named = (headers.get('connection') ?? []).flatMap((value) => value.split(','));
  for (const name of [...HOP_BY_HOP_HEADERS, ...OWN, ...named]) headers.delete(name.trim().toLowerCase());
  const passed = [...headers].map(([name, values]) => [name, values.length === 1 ? values[0] : values] as const);
  return { ...Object.fromEntries(passed), host: 'agent', [REQUEST_ID_HEADER]: id };
}

/** The headers of an agent's answer as the client gets them. @param headers of an `IncomingMessage` */
export function headersForClient(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const passed = ANSWER_NAMES.map((name) => [name, headers[name]] as const).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(passed), ...HARMLESS };
}

/**
 * The request anew, as an upgrade and nothing else: with the headers that frame a body gone, the agent takes what follows
 * for the terminal's bytes, and no further request passes by this connection.
 */
export function upgradeHead(request: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'url'>, id: string): string {
  const passed = headersForAgent(request, id);
  delete passed['content-length'];
  const lines = Object.entries(passed).flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`));
  const upgrade = request.headers.upgrade ?? 'websocket';
  const head = [`GET ${request.url ?? ''} HTTP/1.1`, 'connection: Upgrade', `upgrade: ${upgrade}`, ...lines];
  return [...head, '', ''].join('\r\n');
}
