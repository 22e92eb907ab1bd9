/** Which bytes of a terminal's connection are to be shown, and as what: output, a redraw, or again. */
import type { ServerControl } from '../../protocol/terminal.ts';
import { OutputCursor } from './output-cursor.ts';
import { ReplayFilter } from './replay-filter.ts';

type Ready = Extract<ServerControl, { type: 'ready' }>;
type Redraw = Extract<ServerControl, { type: 'redraw' }>;

export interface OutputHandlers {
  onData(bytes: Uint8Array): void;
  onSkipped(bytes: number): void;
  onRedraw?(size: { readonly cols: number; readonly rows: number }): void;
}

/** RIS of ECMA-48: a terminal as it was when it was opened. */
const RESET = new TextEncoder().encode('\x1bc');

export class OutputReader {
  readonly #handlers: OutputHandlers;
  readonly #cursor = new OutputCursor();
  /** While a session that was joined shows again what others have seen. */
  #replay: ReplayFilter | undefined;
  /** Bytes of a redraw to come, and where the gap began that it makes up for. */
  #redraw = 0;
  #gap: number | undefined;
  /** Output that was lost, until it is clear whether a redraw makes up for it. */
  #lost = 0;

  constructor(handlers: OutputHandlers) {
    this.#handlers = handlers;
  }

  /** Where to resume; undefined before the first connection. In the midst of a redraw: where it will be made again. */
  get offset(): number | undefined {
    return this.#redraw > 0 ? this.#gap : this.#cursor.offset;
  }

  /** @param first whether a connection begins; else output was skipped in the midst of one */
  begin(ready: Ready, first: boolean): void {
    this.settle();
    this.#gap = this.offset;
    this.#redraw = 0;
    if (this.#cursor.offset === undefined) this.#replay = new ReplayFilter(ready.replayed);
    this.#lost = this.#cursor.begin(ready.offset, ready.skipped);
    // Which bytes were shown before cannot be counted over a gap.
    if (this.#lost > 0 && !first) this.#replay = undefined;
  }

  /** What follows draws the screen anew, so nothing is missing from it. */
  beginRedraw({ bytes, cols, rows }: Redraw): void {
    this.#lost = 0;
    this.#redraw = bytes;
    if (this.#handlers.onRedraw === undefined) this.#handlers.onData(RESET);
    else this.#handlers.onRedraw({ cols, rows });
  }

  /** No redraw comes any more for what was lost. */
  settle(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#handlers.onSkipped(lost);
  }

  take(bytes: Uint8Array): void {
    const drawn = bytes.subarray(0, this.#redraw);
    this.#redraw -= drawn.length;
    if (drawn.length > 0) this.#handlers.onData(drawn);
    if (drawn.length === bytes.length) return;
    this.settle();
    const fresh = this.#withoutQuestions(this.#cursor.take(bytes.subarray(drawn.length)));
    if (fresh.length > 0) this.#handlers.onData(fresh);
  }

  #withoutQuestions(bytes: Uint8Array): Uint8Array {
    const replay = this.#replay;
    if (replay === undefined) return bytes;
    const shown = replay.take(bytes);
    if (replay.isOver) this.#replay = undefined;
    return shown;
  }
}
