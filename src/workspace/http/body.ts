/** Request bodies, bounded. */
import type { IncomingMessage } from 'node:http';
import { InvalidInputError, parseInput, TooLargeError } from '../../protocol/errors.ts';
import type { ZodMiniType } from 'zod/mini';
import type * as z from 'zod/mini';

/** How long a client may send nothing in the middle of a body. */
const IDLE_MS = 120_000;

/**
 * The body's chunks, at most `limit` bytes of them. Ends with an error where the client breaks off or falls silent; the
 * request itself stays usable, so that an answer can still be sent.
 * @throws TooLargeError
 */
export async function* boundedBody(request: IncomingMessage, limit: number): AsyncGenerator<Buffer> {
  const tooLarge = () => new TooLargeError(`The body of the request is too large: at most ${limit} bytes are taken.`);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  request.setTimeout(IDLE_MS, () => request.destroy(new Error('The client stopped sending.')));
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw tooLarge();
      yield chunk;
    }
  } finally {
    request.setTimeout(0);
  }
}

/** @throws TooLargeError, or InvalidInputError where the body is no JSON of this schema */
export async function jsonBody<T extends ZodMiniType>(
  request: IncomingMessage,
  schema: T,
  limit: number,
): Promise<z.output<T>> {
  const chunks: Buffer[] = [];
  for await (const chunk of boundedBody(request, limit)) chunks.push(chunk);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new InvalidInputError('The request is not valid: its body is not JSON.');
  }
  return parseInput(schema, value);
}
