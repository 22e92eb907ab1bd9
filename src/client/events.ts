/** The control plane's stream of events, typed. */
import { eventSchema, type NumberedEvent } from '../protocol/event.ts';
import { readSse, type SseFrame } from './sse.ts';
import type { ByteSource } from './transport.ts';

/** Yields the events of one open answer. Frames of a kind that is not known here are passed over. */
export async function* readEvents(
  body: ByteSource,
  signal: AbortSignal,
): AsyncGenerator<NumberedEvent, void, undefined> {
  try {
    for await (const frame of readSse(body)) {
      const event = parseFrame(frame);
      if (event !== undefined) yield event;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

function parseFrame(frame: SseFrame): NumberedEvent | undefined {
  const id = Number(frame.id);
  if (frame.id === undefined || !Number.isSafeInteger(id)) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(frame.data);
  } catch {
    return undefined;
  }
  const event = eventSchema.safeParse(data);
  return event.success ? { id, event: event.data } : undefined;
}
