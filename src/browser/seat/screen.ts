/** The terminal on the page: xterm.js, its size, and the keys that are the page's own. */
import { FitAddon } from '@xterm/addon-fit';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { t } from '../language.ts';
import { followColors } from './colors.ts';
import { OutputPace } from './output-pace.ts';

const SCROLLBACK_LINES = 5_000;
const FONT = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';

export interface ScreenHandlers {
  onType(data: string): void;
  /** Bytes, one to a character: what some mouse modes send. */
  onBinary(data: string): void;
  onSize(size: { readonly cols: number; readonly rows: number }): void;
  /** The key that leaves the terminal was pressed. */
  onLeave(): void;
}

export class Screen {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #pace: OutputPace;

  constructor(host: HTMLElement, handlers: ScreenHandlers) {
    Terminal.strings.promptLabel = t('Terminal input');
    Terminal.strings.tooMuchOutput = t('Too much output to announce, navigate to rows manually to read');
    this.#terminal = new Terminal({
      allowProposedApi: true,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      fontFamily: FONT,
      fontSize: 14,
      scrollback: SCROLLBACK_LINES,
      macOptionIsMeta: true,
    });
    this.#pace = new OutputPace(
      (output, done) => this.#terminal.write(output, done),
      () => document.hidden,
    );
    document.addEventListener('visibilitychange', () => this.#pace.visibilityChanged());
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(new WebLinksAddon());
    // As wide as the seat's own screen takes characters to be: redraws agree with what was there.
    this.#terminal.loadAddon(new Unicode11Addon());
    this.#terminal.unicode.activeVersion = '11';
    followColors((theme) => (this.#terminal.options.theme = theme));
    this.#terminal.attachCustomKeyEventHandler((event) => this.#isForTerminal(event, handlers));
    this.#terminal.onData((data) => handlers.onType(data));
    this.#terminal.onBinary((data) => handlers.onBinary(data));
    this.#terminal.open(host);
    this.#fit.fit();
    this.#terminal.onResize((size) => handlers.onSize(size));
    new ResizeObserver(() => this.#fit.fit()).observe(host);
  }

  get size(): { readonly cols: number; readonly rows: number } {
    return { cols: this.#terminal.cols, rows: this.#terminal.rows };
  }

  show(output: Uint8Array | string): void {
    this.#pace.show(output);
  }

  /** Calls `told` once all that was to be shown counts as shown. */
  whenShown(told: () => void): void {
    this.#pace.whenShown(told);
  }

  /** Whether what is shown is also there as text for a screen reader, which makes a flood slower. */
  get isReadOut(): boolean {
    return this.#terminal.options.screenReaderMode === true;
  }

  set isReadOut(isOn: boolean) {
    this.#terminal.options.screenReaderMode = isOn;
  }

  /** What an arrow key sends now: full-screen programs may ask for another form (DECCKM). */
  arrow(letter: 'A' | 'B' | 'C' | 'D'): string {
    return (this.#terminal.modes.applicationCursorKeysMode ? '\x1bO' : '\x1b[') + letter;
  }

  /** Types a text as if it was pasted. */
  paste(text: string): void {
    this.#terminal.paste(text);
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** @returns false for a key that the page or the browser takes */
  #isForTerminal(event: KeyboardEvent, handlers: ScreenHandlers): boolean {
    if (event.type !== 'keydown' || !event.ctrlKey || event.altKey || event.metaKey) return true;
    const key = event.key.toLowerCase();
    if (event.shiftKey && key === 'e') {
      event.preventDefault();
      handlers.onLeave();
      return false;
    }
    if (key === 'c' && this.#terminal.hasSelection()) {
      event.preventDefault();
      this.#copy();
      return false;
    }
    // The browser pastes, and xterm.js takes what is pasted.
    return !(event.shiftKey && key === 'v');
  }

  #copy(): void {
    const text = this.#terminal.getSelection();
    this.#terminal.clearSelection();
    navigator.clipboard.writeText(text).catch(() => undefined);
  }
}
