/** The bodies of answers that `fetch` gives. */
import type { ByteSource } from '../client/transport.ts';
import { TooLargeError } from '../protocol/errors.ts';
import { t } from './language.ts';

/** An open answer, to be read once. */
export class FetchBody implements ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  #error: Error | undefined;

  constructor(response: Response) {
    this.#reader = response.body?.getReader();
  }

  /** Not every browser iterates over a stream by itself. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    for (;;) {
      const next = await this.#reader?.read();
      if (this.#error !== undefined) throw this.#error;
      if (next?.value === undefined) return;
      yield next.value;
    }
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#reader?.cancel().catch(() => undefined);
  }
}

/**
 * Reads a whole answer.
 * @param idleMs how long nothing may come, in milliseconds; undefined where something else ends it
 * @throws TooLargeError over `limit` bytes; Error where it stalls
 */
export async function readUpTo(
  response: Response,
  limit: number,
  idleMs: number | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = new FetchBody(response);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const watch = () => {
    if (idleMs === undefined) return undefined;
    return setTimeout(() => body.destroy(new Error(`nothing was transferred for ${idleMs / 1000} s`)), idleMs);
  };
  let timer = watch();
  try {
    for await (const chunk of body) {
      clearTimeout(timer);
      timer = watch();
      length += chunk.length;
      if (length > limit) throw new TooLargeError(t('It is larger than {0} MiB.', Math.round(limit / 1024 / 1024)));
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
