/** The bodies of HTTP requests and answers. */
import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CarapaceError, TooLargeError } from '../protocol/errors.ts';

/** A stream of the caller's failed, and not the connection; `cause` is its error. */
export class LocalStreamError extends Error {}

/**
 * Joins two streams, one of the caller's and one of the connection's.
 * @throws LocalStreamError where the caller's was the first to fail: each takes the other with it
 */
export async function join(source: Readable, target: Writable, local: Readable | Writable): Promise<void> {
  const remote = local === source ? target : source;
  const failed: { first?: { local: boolean; error: Error } } = {};
  local.on('error', (error: Error) => (failed.first ??= { local: true, error }));
  remote.on('error', (error: Error) => (failed.first ??= { local: false, error }));
  try {
    await pipeline(source, target);
  } catch (error) {
    if (failed.first?.local === true)
      throw new LocalStreamError('a local stream failed', { cause: failed.first.error });
    throw error;
  }
}

/** Reads a whole answer. @throws TooLargeError over `limit` bytes */
export async function readBounded(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new TooLargeError(`The answer is larger than ${limit / 1024} KiB and was not read.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Whether an error comes from the network or the operating system, and not from us. */
export function isNetworkError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && !(error instanceof CarapaceError);
}
