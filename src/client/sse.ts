/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) out of an open HTTP answer. */
import { createParser } from 'eventsource-parser';
import { UnavailableError } from '../protocol/errors.ts';
import type { ByteSource } from './transport.ts';

/** One frame: its data, and its id where it has one. */
export interface SseFrame {
  readonly id: string | undefined;
  readonly data: string;
}

/** Servers send a comment every 15 s. Without one for this long the connection counts as dead: within 30 s it is told. */
const SILENCE_MS = 22_000;
/** The longest frame that is read, in characters. */
const MAX_FRAME = 4 * 1024 * 1024;

/**
 * Yields the frames of a stream until its end. Leaving the loop destroys the stream.
 * @throws UnavailableError when the stream breaks, falls silent or holds a frame past all bounds
 */
export async function* readSse(body: ByteSource, silenceMs = SILENCE_MS): AsyncGenerator<SseFrame, void, undefined> {
  const frames: SseFrame[] = [];
  const parser = createParser({
    maxBufferSize: MAX_FRAME,
    onEvent: ({ id, data }) => frames.push({ id, data }),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') body.destroy(error);
    },
  });
  const decoder = new TextDecoder();
  const watch = () => setTimeout(() => body.destroy(new Error(`nothing arrived for ${silenceMs / 1000} s`)), silenceMs);
  let watchdog = watch();
  try {
    for await (const chunk of body) {
      clearTimeout(watchdog);
      watchdog = watch();
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* frames.splice(0);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`The stream of events broke: ${reason}.`, undefined, { cause: error });
  } finally {
    clearTimeout(watchdog);
    body.destroy();
  }
}
