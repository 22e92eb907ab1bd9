/** A terminal that shows what it is told, and what there is to see on it, to compare one with another. */
import type { IBuffer } from '@xterm/headless';
import { headlessTerminal, type HeadlessTerminal, type ScreenCell } from '../../src/workspace/terminal/headless.ts';

/** @param scrollback lines above the screen that are kept */
export function newScreen(cols: number, rows: number, scrollback = 1000): HeadlessTerminal {
  return headlessTerminal(cols, rows, scrollback);
}

/** Shows the bytes at once. */
export function show(terminal: HeadlessTerminal, bytes: Uint8Array | string): void {
  terminal._core._inputHandler.parse(Buffer.from(bytes));
}

/** Everything that can be seen or will have an effect: cells, cursor, modes; one line of text per line of the terminal. */
export function look(terminal: HeadlessTerminal, scrollback = true): string[] {
  const { active, normal } = terminal.buffer;
  const buffers = active.type === 'alternate' ? [active, normal] : [normal];
  return [...buffers.flatMap((buffer) => lookAt(terminal, buffer, scrollback)), ...lookAtState(terminal)];
}

function lookAt(terminal: HeadlessTerminal, buffer: IBuffer, scrollback: boolean): string[] {
  const lines: string[] = [`${buffer.type} of ${buffer.baseY}, cursor ${buffer.cursorX}, ${buffer.cursorY}`];
  for (let row = scrollback ? 0 : buffer.baseY; row < buffer.length; row++) {
    const line = buffer.getLine(row);
    let text = `${String(row).padStart(4)} `;
    for (let column = 0; column < terminal.cols; column++) {
      const cell = line?.getCell(column) as ScreenCell | undefined;
      if (cell !== undefined) text += lookAtCell(terminal, cell);
    }
    lines.push(text);
  }
  return lines;
}

function lookAtCell(terminal: HeadlessTerminal, cell: ScreenCell): string {
  const background = cell.isBgDefault() ? '' : `on ${cell.getBgColorMode()}/${cell.getBgColor()}`;
  // An empty cell has a background and nothing else, and looks like a space.
  if (cell.getChars() === '' || (cell.getChars() === ' ' && lookAtFlags(cell) === ''))
    return background === '' ? '·' : `·{${background}}`;
  const link = terminal._core._oscLinkService.getLinkData(cell.extended.urlId)?.uri ?? '';
  const style = [
    cell.isFgDefault() ? '' : `in ${cell.getFgColorMode()}/${cell.getFgColor()}`,
    background,
    lookAtFlags(cell),
    link,
    cell.getUnderlineStyle() === 0 || cell.isUnderlineColorRGB() === cell.isUnderlineColorPalette()
      ? ''
      : `under ${cell.getUnderlineColor()}`,
  ].filter((part) => part !== '');
  return style.length === 0 ? cell.getChars() : `${cell.getChars()}{${style.join(' ')}}`;
}

function lookAtFlags(cell: ScreenCell): string {
  const flags: Record<string, number> = {
    bold: cell.isBold(),
    dim: cell.isDim(),
    italic: cell.isItalic(),
    blink: cell.isBlink(),
    inverse: cell.isInverse(),
    hidden: cell.isInvisible(),
    struck: cell.isStrikethrough(),
    over: cell.isOverline(),
    [`underline${cell.getUnderlineStyle()}`]: cell.getUnderlineStyle(),
  };
  return Object.entries(flags)
    .filter(([, on]) => on !== 0)
    .map(([name]) => name)
    .join(' ');
}

function lookAtState(terminal: HeadlessTerminal): string[] {
  const { coreService, coreMouseService, buffers, _inputHandler, _charsetService } = terminal._core;
  const { scrollTop, scrollBottom, tabs } = buffers.active;
  const { cursorStyle, cursorBlink } = coreService.decPrivateModes;
  return [
    JSON.stringify(terminal.modes),
    `cursor hidden ${coreService.isCursorHidden}, ${cursorStyle ?? 'default'} ${cursorBlink ?? 'default'}`,
    `mouse ${coreMouseService.activeEncoding}`,
    `scrolls ${scrollTop} to ${scrollBottom}`,
    `title ${_inputHandler._windowTitle}`,
    `tabs ${Object.keys(tabs)
      .filter((column) => Number(column) < terminal.cols && tabs[Number(column)] === true)
      .join(' ')}`,
    `set ${_charsetService.charset?.['q'] ?? _charsetService.charset?.['#'] ?? 'ASCII'} of ${_charsetService.glevel}`,
  ];
}
