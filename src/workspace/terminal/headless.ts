/** The headless terminal of xterm.js, with the parts of it that its public interface lacks. */
import * as unicode11 from '@xterm/addon-unicode11';
import * as headless from '@xterm/headless';
import type { IBufferCell, Terminal } from '@xterm/headless';
import { LinkBook } from './link-book.ts';
import { boundStrings, type StringParsers } from './string-bounds.ts';

/** A cell's appearance, or the one that the next character will get. Underlines and links are not public. */
export interface CellStyle extends Pick<
  IBufferCell,
  | 'getFgColor'
  | 'getBgColor'
  | 'isFgRGB'
  | 'isBgRGB'
  | 'isFgPalette'
  | 'isBgPalette'
  | 'isBgDefault'
  | 'isBold'
  | 'isDim'
  | 'isItalic'
  | 'isUnderline'
  | 'isBlink'
  | 'isInverse'
  | 'isInvisible'
  | 'isStrikethrough'
  | 'isOverline'
> {
  /** 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed. */
  getUnderlineStyle(): number;
  getUnderlineColor(): number;
  isUnderlineColorRGB(): boolean;
  isUnderlineColorPalette(): boolean;
  readonly extended: { readonly urlId: number };
}

export type ScreenCell = IBufferCell & CellStyle;

/** What characters stand for in a character set; undefined for ASCII. */
export type CharacterSet = Readonly<Record<string, string>> | undefined;

interface InternalBuffer {
  readonly ybase: number;
  readonly scrollTop: number;
  readonly scrollBottom: number;
  /** The saved cursor: row counted from the top of the scrollback. */
  readonly savedX: number;
  readonly savedY: number;
  readonly savedCurAttrData: CellStyle;
  readonly savedCharset: CharacterSet;
  readonly tabs: Readonly<Record<number, boolean>>;
}

/** Of version 6.0.0, to which package.json pins it; a test of every part of it is in screen.test.ts. */
export interface Internals {
  readonly coreService: {
    readonly isCursorHidden: boolean;
    readonly decPrivateModes: { readonly cursorStyle?: string; readonly cursorBlink?: boolean };
  };
  readonly coreMouseService: { readonly activeEncoding: string };
  readonly buffers: { readonly active: InternalBuffer; readonly normal: InternalBuffer };
  readonly _charsetService: {
    readonly charset: CharacterSet;
    readonly glevel: number;
    readonly _charsets: readonly CharacterSet[];
  };
  readonly _oscLinkService: Pick<LinkBook, 'registerLink' | 'addLineToLink' | 'getLinkData'>;
  readonly _inputHandler: {
    /** `precedingJoinState` is 0 where the next mark has no character to join, as after a sequence. */
    readonly _parser: StringParsers & { readonly precedingJoinState: number };
    readonly _windowTitle: string;
    readonly _curAttrData: CellStyle;
    /** Takes output in at once; the public way does so at some later time. */
    parse(bytes: Uint8Array): unknown;
  };
}

export type HeadlessTerminal = Terminal & { readonly _core: Internals };

/** A sequence's numbers, which a handler may change before the terminal's own handler gets them. */
interface Repeating {
  readonly _core: {
    registerCsiHandler(id: { final: string }, handler: (params: { readonly params: Int32Array }) => boolean): void;
  };
}

// Node finds no names in these packages, esbuild does.
const { Terminal: HeadlessClass } = (headless as unknown as { readonly default: typeof headless }).default;
// CommonJS where Node runs the sources, an ES module without a default in the bundle.
const addon: unknown = unicode11;
const { Unicode11Addon } = (addon as { readonly default?: typeof unicode11 }).default ?? unicode11;

/** How wide characters are, as in VS Code (`terminal.integrated.unicodeVersion`): an emoji takes two columns. */
const UNICODE_VERSION = '11';

export function headlessTerminal(cols: number, rows: number, scrollback: number): HeadlessTerminal {
  const options = { cols, rows, scrollback, allowProposedApi: true, logLevel: 'off' } as const;
  const terminal = new HeadlessClass(options) as HeadlessTerminal;
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = UNICODE_VERSION;
  boundRepetitions(terminal);
  boundMarks(terminal);
  boundStrings(terminal._core._inputHandler._parser);
  keepLinks(terminal._core._oscLinkService, new LinkBook());
  return terminal;
}

/** Has the terminal keep its links in the book. */
function keepLinks(service: Internals['_oscLinkService'], book: LinkBook): void {
  service.registerLink = (link) => book.registerLink(link);
  service.addLineToLink = () => book.addLineToLink();
  service.getLinkData = (number) => book.getLinkData(number);
}

/** Of marks and joiners that one cell has, with its character, in units of UTF-16. */
export const MAX_CELL_LENGTH = 64;

interface MarkedLine {
  getString(index: number): string;
  addCodepointToCell: (this: MarkedLine, index: number, codepoint: number, width: number) => void;
}

interface Marked {
  readonly _core: { readonly buffers: { readonly active: { readonly lines: { get(index: number): MarkedLine } } } };
}

let marksAreBound = false;

/** Takes no more marks on a character than anybody sees. xterm.js keeps all: a flood of them fills the seat's memory. */
function boundMarks(terminal: HeadlessTerminal): void {
  if (marksAreBound) return;
  marksAreBound = true;
  const line = (terminal as unknown as Marked)._core.buffers.active.lines.get(0);
  // Of all lines of all terminals.
  const lines = Object.getPrototypeOf(line) as MarkedLine;
  const add = lines.addCodepointToCell;
  lines.addCodepointToCell = function (index, codepoint, width) {
    if (this.getString(index).length < MAX_CELL_LENGTH) add.call(this, index, codepoint, width);
  };
}

/**
 * Does no more repetitions than change the screen. xterm.js does as many as a sequence says: twelve bytes of output, such
 * as `ESC [ 99999999 L`, would hold up the whole seat for hours.
 */
function boundRepetitions(terminal: HeadlessTerminal): void {
  const bounds: Readonly<Record<string, () => number>> = {
    // REP; IL, DL, SU, SD; CHT, CBT (ECMA-48).
    b: () => terminal.cols * terminal.rows,
    ...Object.fromEntries(['L', 'M', 'S', 'T'].map((final) => [final, () => terminal.rows])),
    ...Object.fromEntries(['I', 'Z'].map((final) => [final, () => terminal.cols])),
  };
  for (const [final, most] of Object.entries(bounds)) {
    (terminal as unknown as Repeating)._core.registerCsiHandler({ final }, ({ params }) => {
      params[0] = Math.min(params[0] ?? 0, most());
      return false;
    });
  }
}
