/** What a session's terminal shows: a headless one that is fed all output, for clients that have missed some of it. */
import { MAX_REDRAW_BYTES } from '../../protocol/terminal.ts';
import { headlessTerminal, type HeadlessTerminal } from './headless.ts';
import { scrollsAway } from './plain-flood.ts';
import type { Ring } from './ring.ts';
import { drawScreen } from './screen-draw.ts';
import { MAX_UNFINISHED_BYTES, unfinishedEnd } from './unfinished.ts';

/** Lines kept above the screen, and cells: 12 bytes each and their line's share, so that a session stays under 2 MiB. */
const SCROLLBACK_LINES = 1000;
const SCROLLBACK_CELLS = 24_000;
/** Output that waits to be taken in at most: far less than the ring has. */
const WAITING_BYTES = 262_144;
/** How long output waits for more, so that what scrolls away need not be taken in. */
const WAITING_MS = 100;
/** Taken in at once: what is lost where the terminal fails at a sequence, as any other terminal of xterm.js does. */
const PIECE_BYTES = 8192;
const TITLE_LENGTH = 100;

export interface Redraw {
  readonly bytes: Buffer;
  readonly cols: number;
  readonly rows: number;
}

/** Feeds itself from the ring, some time after the output has come; a redraw shows all that the ring has. */
export class Screen {
  readonly #ring: Ring;
  readonly #terminal: HeadlessTerminal;
  #fed = 0;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(ring: Ring, cols: number, rows: number) {
    this.#ring = ring;
    this.#terminal = headlessTerminal(cols, rows, scrollbackFor(cols));
  }

  /** To be called after each piece of output, before the ring can lose it. */
  outputChanged(): void {
    if (this.#disposed) return;
    if (this.#ring.end - this.#fed >= WAITING_BYTES) this.#feed();
    else this.#timer ??= setTimeout(() => this.#feed(), WAITING_MS);
  }

  /** Has the new size for the output that comes from now on. */
  resize(cols: number, rows: number): void {
    this.#feed();
    this.#attempt(() => {
      this.#terminal.resize(cols, rows);
      this.#terminal.options.scrollback = scrollbackFor(cols);
    });
  }

  /** Draws the screen as it is at the ring's end; undefined where that needs more than a redraw may have. */
  redraw(): Redraw | undefined {
    this.#feed();
    const { cols, rows } = this.#terminal;
    const { start, end } = this.#ring;
    // The next output goes on with it, wherever that was cut.
    const begun = unfinishedEnd(this.#ring.slice(Math.max(start, end - MAX_UNFINISHED_BYTES), end));
    for (const scrollback of [SCROLLBACK_LINES, SCROLLBACK_LINES / 10, 0]) {
      const bytes = Buffer.concat([Buffer.from(drawScreen(this.#terminal, scrollback)), begun]);
      if (bytes.length <= MAX_REDRAW_BYTES) return { bytes, cols, rows };
    }
    return undefined;
  }

  /** What the program calls the terminal, without control characters; empty where it does not, and a moment old. */
  get title(): string {
    const title = this.#terminal._core._inputHandler._windowTitle;
    return title.replace(/\p{Cc}/gu, '').slice(0, TITLE_LENGTH);
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#terminal.dispose();
  }

  #feed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = this.#ring.slice(this.#fed, this.#ring.end);
    this.#fed = this.#ring.end;
    const { cols, rows } = this.#terminal;
    const away = scrollsAway(bytes, scrollbackFor(cols) + 2 * rows);
    if (away === undefined) this.#takeIn(bytes);
    else {
      this.#takeIn(bytes.subarray(0, away.from));
      this.#takeIn(bytes.subarray(this.#scrollsAsWhole ? away.to : away.from));
    }
  }

  get #scrollsAsWhole(): boolean {
    const { scrollTop, scrollBottom } = this.#terminal._core.buffers.active;
    return scrollTop === 0 && scrollBottom === this.#terminal.rows - 1;
  }

  #takeIn(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#attempt(() => this.#terminal._core._inputHandler.parse(bytes.subarray(at, at + PIECE_BYTES)));
    }
  }

  /** The terminal throws at a few rare sequences; that must not end the server. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch {
      // What it shows then may be wrong until the program draws again.
    }
  }
}

/** How many lines above the screen are kept at this width. */
export function scrollbackFor(cols: number): number {
  return Math.min(SCROLLBACK_LINES, Math.floor(SCROLLBACK_CELLS / cols));
}
