/** Requests that nobody should send, made from a seed. */
import fc from 'fast-check';
import { CANARY } from './judge.ts';

export interface FuzzedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** What a service calls its things, so that some requests come far. */
export interface World {
  /** Targets with `{}` where something is put. */
  readonly templates: readonly string[];
  readonly words: readonly string[];
  readonly tokens: readonly string[];
  /** Bodies that are valid, to be spoilt. */
  readonly bodies: readonly object[];
}

const METHODS = ['GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];
const STEPS = [
  '..',
  '.',
  '',
  '%2e%2e',
  '%2E.',
  '..%2f',
  '%2f',
  '%5c..',
  '..%5c',
  '%252e%252e',
  '%c0%ae%c0%ae',
  '%00',
  '%',
];
const NAMES = [
  'sub',
  'file.txt',
  'link-out',
  'link-file',
  'link-up',
  CANARY.name,
  'outside',
  'home',
  'a b',
  '%F0%9F%92%A9',
];
const TYPES = [
  'application/json',
  'application/json; charset=utf-7',
  'application/vnd.carapace.file+json',
  'application/octet-stream',
  'multipart/form-data',
  'text/plain',
  '',
  'application/gzip',
];

/** What `node:http` sends at all: no controls, no spaces. */
function sendable(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll(/[^\x21-\x7e\x80-\xff]/g, '');
}

const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const segment = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...STEPS, ...NAMES) },
  { weight: 1, arbitrary: anyText.map((text) => sendable(text)) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => encodeURIComponent(text)) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6000 }).map((length) => 'a'.repeat(length)) },
);
export const fuzzedPath = fc.array(segment, { maxLength: 7 }).map((segments) => segments.join('/'));

const oddValue = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 1e308, '', '1', [], {}, '__proto__', 'a'.repeat(70_000)),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A valid body with something put in, left out, or of another type; or what is no JSON. */
function fuzzedBody(bodies: readonly object[]): fc.Arbitrary<Buffer | undefined> {
  const spoilt = fc
    .tuple(fc.constantFrom(...bodies), fc.nat(), oddValue, fc.boolean())
    .map(([body, at, value, adds]) => {
      const keys = Object.keys(body);
      const key = adds || keys.length === 0 ? 'unknown' : (keys[at % keys.length] ?? 'unknown');
      // Always with a field that nobody knows: what happens to be valid is not to be done.
      return Buffer.from(JSON.stringify({ ...body, [key]: value, 'no such field': value }));
    });
  return fc.oneof(
    { weight: 6, arbitrary: spoilt },
    { weight: 2, arbitrary: oddValue.map((value) => Buffer.from(JSON.stringify([value]))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4000 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('{', '{"a":', '[[[[', '"\\ud800"', '{"__proto__":{"x":1}}').map((t) => Buffer.from(t)),
    },
    { weight: 1, arbitrary: fc.nat(2000).map((depth) => Buffer.from('['.repeat(depth))) },
  );
}

const oddHeaders = fc.dictionary(
  fc.constantFrom(
    'if-match',
    'if-none-match',
    'range',
    'accept',
    'last-event-id',
    'idempotency-key',
    'x-request-id',
    'origin',
    'cookie',
    'x-carapace-role',
    'if-range',
    'content-range',
    'accept-encoding',
  ),
  fc.oneof(
    fc.constantFrom(
      '*',
      '"x"',
      'bytes=0-',
      'bytes=9-1',
      'bytes=-0',
      'application/vnd.carapace.file+json',
      '1',
      '-1',
      '9'.repeat(40),
      'instructor',
    ),
    fc.string({ maxLength: 80 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '').trim()),
  ),
  { maxKeys: 3 },
);

function query(words: readonly string[]): fc.Arbitrary<string> {
  const value = fc.oneof(fuzzedPath, fc.constantFrom(...words, 'true', 'mkdir', 'move', 'copy', '1', '0'));
  const key = fc.constantFrom('path', 'op', 'to', 'overwrite', 'stat', 'workshop_id', 'keep', 'sky_path', 'x', '%00');
  const pairs = fc.array(fc.tuple(key, value), { maxLength: 3 });
  return pairs.map((all) => (all.length === 0 ? '' : `?${all.map((pair) => pair.join('=')).join('&')}`));
}

/** Requests to a service. */
export function fuzzedRequests(world: World): fc.Arbitrary<FuzzedRequest> {
  const filling = fc.oneof(fc.constantFrom(...world.words), fuzzedPath, segment);
  const target = fc
    .tuple(fc.constantFrom(...world.templates), fc.array(filling, { minLength: 3, maxLength: 3 }), query(world.words))
    .map(([template, fillings, rest]) => {
      let at = 0;
      return template.replaceAll('{}', () => fillings[at++] ?? '') + rest;
    });
  return fc.record({
    method: fc.constantFrom(...METHODS),
    target: fc
      .oneof({ weight: 9, arbitrary: target }, { weight: 1, arbitrary: fuzzedPath.map((path) => `/${path}`) })
      .map((text) => sendable(text) || '/'),
    headers: fc
      .tuple(oddHeaders, fc.constantFrom(...world.tokens), fc.constantFrom(...TYPES))
      .map(([headers, token, type]) => ({
        ...headers,
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(type !== '' && { 'content-type': type }),
      })),
    body: fuzzedBody(world.bodies),
  });
}
