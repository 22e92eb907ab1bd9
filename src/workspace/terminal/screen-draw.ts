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
    drawn += drawCursor(terminal, normal, 0) + RESET_STYLE;
    drawn += `\x1b[?1049h\x1b[H${new LineWriter(terminal).write(active, 0)}`;
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
  // The origin mode counts rows from the scroll region.
  if (terminal.modes.originMode) drawn += '\x1b[?6h';
  drawn += drawCursor(terminal, active, terminal.modes.originMode ? scrollTop : 0);
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
  // Without wrapping, the cursor steps back onto the second half of a wide character at the end of the line.
  if (!isAlike || cell.getWidth() !== width || cell.getChars() === '' || cell.extended.urlId !== style.extended.urlId) return '';
  const place = moveTo(column, buffer.cursorY - (modes.originMode ? buffers.active.scrollTop : 0));
  // What is behind it steps back for as much as it is pushed on.
  return `${place}${modes.insertMode ? `\x1b[${width}P` : ''}${cell.getChars()}`;
}

function drawSavedCursor({ rows, _core }: HeadlessTerminal): string {
  const { savedX, savedY, ybase, savedCurAttrData, savedCharset } = _core.buffers.active;
  const row = Math.max(0, Math.min(savedY - ybase, rows - 1));
  const set = selectSet('(', savedCharset);
  // It knows no kinds of underlines.
  const style = selectStyle(savedCurAttrData) + (savedCurAttrData.isUnderline() === 0 ? '' : '\x1b[4m');
  return `${moveTo(savedX, row)}${style}${set}\x1b7${RESET_STYLE}${set === '' ? '' : '\x1b(B'}`;
}

/** Behind the last column is where the cursor stands after a full line, and only a character brings it there. */
function drawCursor(terminal: HeadlessTerminal, buffer: IBuffer, top: number): string {
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
  const character = place + selectStyle(cell) + cell.getChars();
  const links = terminal._core._oscLinkService;
  return cell.extended.urlId === 0 ? character : `${selectLink(cell, links)}${character}${LINK_END}`;
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

  #isSecondHalf(line: IBufferLine | undefined, column: number): boolean {
    return line?.getCell(column)?.getWidth() === 0 && line.getCell(column - 1)?.getWidth() === 2;
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
        this.#character(cell);
        continue;
      }
      const its = selectBackground(cell);
      if (its !== background) flush(false);
      background = its;
      empty += 1;
    }
    flush(true);
  }

  #character(cell: ScreenCell): void {
    if (cell.extended.urlId !== this.#link) {
      this.#link = cell.extended.urlId;
      this.#parts.push(selectLink(cell, this.#terminal._core._oscLinkService));
    }
    this.#parts.push(this.#select(selectStyle(cell)), cell.getChars());
  }

  #select(style: string): string {
    if (style === this.#style) return '';
    this.#style = style;
    return style;
  }
}
