/**
 * What draws a terminal's screen again: its lines and scrollback, its modes, its cursor. The serialize addon of xterm.js
 * is not used, because it loses colored lines without text, the cursor at a line's end, the scroll region and more.
 */
import type { IBuffer, IBufferLine } from '@xterm/headless';
import { selectBackground, selectLink, selectStyle } from './cell-style.ts';
import type { CharacterSet, HeadlessTerminal, Internals, ScreenCell } from './headless.ts';
import { drawModes } from './screen-modes.ts';

const RESET_STYLE = '\x1b[0m';
const LINK_END = '\x1b]8;;\x1b\\';

/** For a terminal of the same size that was reset. @param scrollback lines above the screen, at most */
export function drawScreen(terminal: HeadlessTerminal, scrollback: number): string {
  const { normal, active } = terminal.buffer;
  let drawn = new LineWriter(terminal).write(normal, Math.max(0, normal.baseY - scrollback));
  if (active.type === 'alternate') {
    // Where the program's end will bring the cursor back to.
    drawn += drawCursor(terminal, normal, 0, true) + RESET_STYLE + enterAlternate(terminal);
    drawn += `\x1b[H${new LineWriter(terminal).write(active, 0)}`;
  }
  return drawn + drawState(terminal, active);
}

/** The tab stops, the saved cursor, the modes, the cursor, how the next character will look, and the last, in this order. */
function drawState(terminal: HeadlessTerminal, active: IBuffer): string {
  const { buffers, _inputHandler, _charsetService, _oscLinkService } = terminal._core;
  const { tabs, scrollTop, scrollBottom } = buffers.active;
  let drawn = drawTabs(tabs, terminal.cols) + drawSavedCursor(terminal);
  if (scrollTop !== 0 || scrollBottom !== terminal.rows - 1) drawn += `\x1b[${scrollTop + 1};${scrollBottom + 1}r`;
  drawn += drawModes(terminal);
  const { originMode, wraparoundMode } = terminal.modes;
  // The origin mode counts rows from the scroll region.
  if (originMode) drawn += '\x1b[?6h';
  drawn += drawCursor(terminal, active, originMode ? scrollTop : 0, wraparoundMode);
  const style = _inputHandler._curAttrData;
  drawn += selectStyle(style);
  if (style.extended.urlId !== 0) drawn += selectLink(style, _oscLinkService);
  return drawn + drawCharacterSets(_charsetService) + drawLast(terminal, active);
}

/**
 * The last character once more, where it was the last of all: the next output may begin with a mark on it. It has to look
 * as the next one will, for a change of that would end it.
 */
function drawLast(terminal: HeadlessTerminal, buffer: IBuffer): string {
  const { _inputHandler, buffers } = terminal._core;
  const { modes } = terminal;
  if (_inputHandler._parser.precedingJoinState === 0) return '';
  const line = buffer.getLine(buffer.baseY + buffer.cursorY);
  const width = line?.getCell(buffer.cursorX - 1)?.getWidth() === 0 ? 2 : 1;
  const column = buffer.cursorX - width;
  const cell = line?.getCell(column) as ScreenCell | undefined;
  const style = _inputHandler._curAttrData;
  const isAlike = cell !== undefined && selectStyle(cell) === selectStyle(style);
  // Without wrapping, what has no room steps back onto the second half of a wide character at the end of the line.
  if (cell?.getWidth() !== width || coversHalf(line, column)) return '';
  if (!isAlike || cell.getChars() === '' || cell.extended.urlId !== style.extended.urlId) return '';
  const place = moveTo(column, buffer.cursorY - (modes.originMode ? buffers.active.scrollTop : 0));
  // What is behind it steps back for as much as it is pushed on.
  return `${place}${modes.insertMode ? `\x1b[${width}P` : ''}${cell.getChars()}`;
}

/** A program's end brings back the style that was in use when it began; 1047, unlike 1049, keeps none when it enters. */
function enterAlternate({ _core }: HeadlessTerminal): string {
  const style = savedStyle(_core.buffers.normal);
  return style === RESET_STYLE ? '\x1b[?1049h' : `${style}\x1b7${RESET_STYLE}\x1b[?1047h`;
}

/** It knows no kinds of underlines. */
function savedStyle({ savedCurAttrData }: Pick<Internals['buffers']['active'], 'savedCurAttrData'>): string {
  return selectStyle(savedCurAttrData) + (savedCurAttrData.isUnderline() === 0 ? '' : '\x1b[4m');
}

function drawSavedCursor({ rows, _core }: HeadlessTerminal): string {
  const { active } = _core.buffers;
  const { savedX, savedY, ybase, savedCharset } = active;
  const row = Math.max(0, Math.min(savedY - ybase, rows - 1));
  const set = selectSet('(', savedCharset);
  return `${moveTo(savedX, row)}${savedStyle(active)}${set}\x1b7${RESET_STYLE}${set === '' ? '' : '\x1b(B'}`;
}

/**
 * Behind the last column is where the cursor stands after a full line, and only a character brings it there.
 * @param wraps whether lines do
 */
function drawCursor(terminal: HeadlessTerminal, buffer: IBuffer, top: number, wraps: boolean): string {
  const { cursorX, cursorY, baseY } = buffer;
  if (cursorX < terminal.cols) return moveTo(cursorX, cursorY - top);
  const line = buffer.getLine(baseY + cursorY);
  const last = line?.getCell(terminal.cols - 1) as ScreenCell | undefined;
  const column = last?.getWidth() === 0 ? terminal.cols - 2 : terminal.cols - 1;
  const cell = line?.getCell(column) as ScreenCell | undefined;
  if (cell === undefined) return moveTo(terminal.cols - 1, cursorY - top);
  const place = moveTo(column, cursorY - top);
  // Where it was erased since, a space has to do.
  if (cell.getChars() === '') return `${place}${selectBackground(cell)} `;
  if (!coversHalf(line, column)) return place + drawCell(terminal, cell, cell.getChars());
  const wide = line?.getCell(column - 1) as ScreenCell;
  const covered = moveTo(column - 1, cursorY - top) + drawCell(terminal, wide, wide.getChars());
  return covered + drawCell(terminal, cell, coverHalf(cell.getChars(), wraps));
}

function drawCell({ _core }: HeadlessTerminal, cell: ScreenCell, text: string): string {
  const drawn = selectStyle(cell) + text;
  return cell.extended.urlId === 0 ? drawn : `${selectLink(cell, _core._oscLinkService)}${drawn}${LINK_END}`;
}

/** Whether a character stands where the second half of the one before it should be. */
function coversHalf(line: IBufferLine | undefined, column: number): boolean {
  return line?.getCell(column)?.getWidth() !== 0 && line?.getCell(column - 1)?.getWidth() === 2;
}

/**
 * At the end of a line that does not wrap, xterm.js goes back by one column for a wide character that has no room, leaves
 * it out, and puts what comes with it there. @param wraps whether lines wrap before and after
 */
function coverHalf(text: string, wraps: boolean): string {
  return `\x1b[?7l世${text}${wraps ? '\x1b[?7h' : ''}`;
}

function moveTo(x: number, y: number): string {
  return `\x1b[${y + 1};${x + 1}H`;
}

const TAB_WIDTH = 8;

function drawTabs(tabs: Readonly<Record<number, boolean>>, cols: number): string {
  const stops: number[] = [];
  let usual = true;
  for (let column = 0; column < cols; column++) {
    const isStop = tabs[column] === true;
    if (isStop) stops.push(column);
    if (isStop !== (column % TAB_WIDTH === 0)) usual = false;
  }
  return usual ? '' : `\x1b[3g${stops.map((column) => `\x1b[1;${column + 1}H\x1bH`).join('')}`;
}

const SET_PREFIX = ['(', ')', '*', '+'];
const INVOKE_LEVEL = ['', '\x0e', '\x1bn', '\x1bo'];

function drawCharacterSets({ charset, glevel, _charsets }: Internals['_charsetService']): string {
  // A cursor that was restored brings its set with it, whatever was chosen.
  const chosen = SET_PREFIX.map((prefix, index) => selectSet(prefix, index === glevel ? charset : _charsets[index]));
  return chosen.join('') + (INVOKE_LEVEL[glevel] ?? '');
}

/** The two that programs use: line drawing, and British. */
function selectSet(prefix: string, set: CharacterSet): string {
  if (set?.['q'] === '\u2500') return `\x1b${prefix}0`;
  return set?.['#'] === '\u00a3' ? `\x1b${prefix}A` : '';
}

/** Writes lines one below the other, from the top of an empty screen on. */
class LineWriter {
  readonly #terminal: HeadlessTerminal;
  readonly #parts: string[] = [];
  #style = RESET_STYLE;
  #link = 0;

  constructor(terminal: HeadlessTerminal) {
    this.#terminal = terminal;
  }

  write(buffer: IBuffer, from: number): string {
    for (let row = from; row < buffer.length; row++) {
      const line = buffer.getLine(row);
      if (line === undefined) continue;
      const wraps = row > from && this.#wraps(buffer.getLine(row - 1), line);
      // A line that scrolls in is filled with the color in use.
      if (row > from && !wraps) this.#parts.push(this.#select(RESET_STYLE), '\r\n');
      this.#line(line, wraps);
    }
    if (this.#link !== 0) this.#parts.push(LINK_END);
    return this.#parts.join('') + RESET_STYLE;
  }

  /** Whether writing on at the end of `before` continues in `line`, which keeps the two one line when it is resized. */
  #wraps(before: IBufferLine | undefined, line: IBufferLine): boolean {
    const last = before?.getCell(this.#terminal.cols - 1);
    const isFull =
      last !== undefined && (last.getChars() !== '' || this.#isSecondHalf(before, this.#terminal.cols - 1));
    return line.isWrapped && isFull && line.getCell(0)?.getChars() !== '';
  }

  /** Also where xterm.js has emptied it, as it does when the cursor was put there. */
  #isSecondHalf(line: IBufferLine | undefined, column: number): boolean {
    return line?.getCell(column)?.getChars() === '' && line.getCell(column - 1)?.getWidth() === 2;
  }

  #line(line: IBufferLine, filled: boolean): void {
    let empty = 0;
    let background = RESET_STYLE;
    const flush = (last: boolean): void => {
      if (empty === 0) return;
      // Where the line may have been filled with a color, the empty cells are set, too.
      if (background !== RESET_STYLE || filled) this.#parts.push(this.#select(background), `\x1b[${empty}X`);
      if (!last) this.#parts.push(`\x1b[${empty}C`);
      empty = 0;
    };
    for (let column = 0; column < this.#terminal.cols; column++) {
      const cell = line.getCell(column) as ScreenCell | undefined;
      if (cell === undefined || this.#isSecondHalf(line, column)) continue;
      if (cell.getChars() !== '') {
        flush(false);
        this.#character(cell, coversHalf(line, column));
        continue;
      }
      const its = selectBackground(cell);
      if (its !== background) flush(false);
      background = its;
      empty += 1;
    }
    flush(true);
  }

  #character(cell: ScreenCell, covers: boolean): void {
    if (cell.extended.urlId !== this.#link) {
      this.#link = cell.extended.urlId;
      this.#parts.push(selectLink(cell, this.#terminal._core._oscLinkService));
    }
    const text = cell.getChars();
    this.#parts.push(this.#select(selectStyle(cell)), covers ? coverHalf(text, true) : text);
  }

  #select(style: string): string {
    if (style === this.#style) return '';
    this.#style = style;
    return style;
  }
}
