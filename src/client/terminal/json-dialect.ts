/** The frames of ClaraTeach workers that were deployed before Carapace: JSON, and nothing can be resumed. */
import * as z from 'zod/mini';
import { parseControl, type ClientControl, type ServerControl } from '../../protocol/terminal.ts';
import type { Dialect, Frame, Received } from './dialect.ts';

const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('output'), data: z.string() }),
  z.object({ type: z.literal('exit'), code: z.catch(z.int(), 0) }),
]);

/** One per terminal: its counts go on over all connections, as if the other side had counted, too. */
export class JsonDialect implements Dialect {
  readonly subprotocols = [];
  readonly #size: () => { readonly cols: number; readonly rows: number };
  #decoder = newDecoder();
  #shown = 0;
  #typed = 0;

  /** @param size the terminal's, which the other side never tells */
  constructor(size: () => { readonly cols: number; readonly rows: number }) {
    this.#size = size;
  }

  opened(): readonly Received[] {
    this.#decoder = newDecoder();
    const place = { offset: this.#shown, input_offset: this.#typed, replayed: 0, skipped: 0 };
    return [{ type: 'ready', session: '', ...this.#size(), ...place }];
  }

  received(frame: Frame): Received | undefined {
    if (typeof frame !== 'string') return this.#output(frame);
    const message = parseControl(messageSchema, frame);
    if (message?.type === 'output') return this.#output(new TextEncoder().encode(message.data));
    return message && { type: 'exit', code: message.code, signal: null };
  }

  input(bytes: Uint8Array): Frame {
    this.#typed += bytes.length;
    return JSON.stringify({ type: 'input', data: this.#decoder.decode(bytes, { stream: true }) });
  }

  control(control: ClientControl): Frame | undefined {
    return control.type === 'resize' ? JSON.stringify(control) : undefined;
  }

  inputSent(): ServerControl {
    return { type: 'ack', bytes: this.#typed };
  }

  #output(bytes: Uint8Array): Uint8Array {
    this.#shown += bytes.length;
    return bytes;
  }
}

/** A character may be split between two pieces of input. */
function newDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
