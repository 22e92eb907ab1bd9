/**
 * Server-sent events out of the store. A reader has a place in the stream and takes what is after it, so a slow one
 * costs no memory; one that takes nothing for too long is cut off, and comes back by Last-Event-ID.
 */
import type { ServerResponse } from 'node:http';
import type { NumberedEvent } from '../../protocol/event.ts';

const BATCH = 256;

export interface EventStreamOptions {
  /** Events to send before those of the stream. */
  readonly first?: Iterable<NumberedEvent>;
  /** The number after which the stream begins. */
  readonly after: number;
  /**
   * Events after a number, all of them where they are fewer than `limit`; undefined where some of them are not kept any
   * more, which ends the stream.
   */
  read(after: number, limit: number): readonly NumberedEvent[] | undefined;
  /** Calls back on each change, until the returned function is called. */
  listen(listener: () => void): () => void;
  /** Whether the stream ends after this event. */
  isLast?(event: NumberedEvent): boolean;
  /** Aborted when the server ends. */
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
  readonly slowReaderMs: number;
}

/** Answers with the stream until its reader leaves, its last event is sent, or the server ends. */
export async function streamEvents(response: ServerResponse, options: EventStreamOptions): Promise<void> {
  const hasLeft = (): boolean => response.destroyed;
  if (hasLeft()) return;
  const left = new AbortController();
  response.once('close', () => left.abort());
  // A broken connection is a reader that left.
  response.on('error', () => left.abort());
  const signal = AbortSignal.any([left.signal, options.signal]);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  try {
    await sendAll(response, options, signal);
  } catch (error) {
    if (!signal.aborted && !hasLeft()) throw error;
  } finally {
    response.end();
  }
}

async function sendAll(response: ServerResponse, options: EventStreamOptions, signal: AbortSignal): Promise<void> {
  const doorbell = new Doorbell();
  const stopListening = options.listen(() => doorbell.ring());
  try {
    for (const event of options.first ?? []) await send(response, frameOf(event), options.slowReaderMs, signal);
    let place = options.after;
    for (;;) {
      const events = options.read(place, BATCH);
      if (events === undefined) return;
      for (const event of events) {
        await send(response, frameOf(event), options.slowReaderMs, signal);
        place = event.id;
        if (options.isLast?.(event) === true) return;
      }
      if (events.length >= BATCH) continue;
      const rung = await doorbell.wait(options.heartbeatMs, signal);
      if (!rung) await send(response, ':\n\n', options.slowReaderMs, signal);
    }
  } finally {
    stopListening();
  }
}

export function frameOf({ id, event }: NumberedEvent): string {
  return `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Writes, and waits while the reader has not taken what was written before. */
async function send(response: ServerResponse, text: string, slowReaderMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (response.write(text)) return;
  const drained = Promise.withResolvers<undefined>();
  const onDrain = (): void => drained.resolve(undefined);
  const onAbort = (): void => drained.reject(signal.reason as Error);
  const tooSlow = setTimeout(() => {
    response.destroy();
    drained.reject(new Error('the reader takes nothing'));
  }, slowReaderMs);
  response.once('drain', onDrain);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await drained.promise;
  } finally {
    clearTimeout(tooSlow);
    response.off('drain', onDrain);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Remembers a ring until somebody waits for it. */
class Doorbell {
  #isRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Whether it rang within the time. @throws the signal's reason */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (!this.#isRung) {
      const woken = Promise.withResolvers<undefined>();
      const onAbort = (): void => woken.reject(signal.reason as Error);
      const timer = setTimeout(() => woken.resolve(undefined), ms);
      this.#wake = () => woken.resolve(undefined);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await woken.promise;
      } finally {
        clearTimeout(timer);
        this.#wake = undefined;
        signal.removeEventListener('abort', onAbort);
      }
    }
    const rung = this.#isRung;
    this.#isRung = false;
    return rung;
  }
}
