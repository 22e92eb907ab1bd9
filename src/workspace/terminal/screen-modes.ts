/** The modes of a terminal that differ from those after a reset (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html). */
import type { HeadlessTerminal } from './headless.ts';

const MOUSE_TRACKING: Readonly<Record<string, string>> = {
  x10: '\x1b[?9h',
  vt200: '\x1b[?1000h',
  drag: '\x1b[?1002h',
  any: '\x1b[?1003h',
};
const MOUSE_ENCODING: Readonly<Record<string, string>> = { SGR: '\x1b[?1006h', SGR_PIXELS: '\x1b[?1016h' };
/** The number of the blinking shape; the steady one has the next. */
const CURSOR_SHAPE: Readonly<Record<string, number>> = { block: 1, underline: 3, bar: 5 };

/** All but the origin mode, which moves the cursor. */
export function drawModes(terminal: HeadlessTerminal): string {
  const { modes } = terminal;
  const { coreService, coreMouseService, _inputHandler } = terminal._core;
  const { cursorStyle, cursorBlink } = coreService.decPrivateModes;
  let drawn = '';
  if (modes.applicationCursorKeysMode) drawn += '\x1b[?1h';
  if (modes.applicationKeypadMode) drawn += '\x1b=';
  if (modes.bracketedPasteMode) drawn += '\x1b[?2004h';
  if (modes.insertMode) drawn += '\x1b[4h';
  if (modes.reverseWraparoundMode) drawn += '\x1b[?45h';
  if (modes.sendFocusMode) drawn += '\x1b[?1004h';
  if (!modes.wraparoundMode) drawn += '\x1b[?7l';
  // A reset of xterm.js leaves a hidden cursor hidden.
  drawn += coreService.isCursorHidden ? '\x1b[?25l' : '\x1b[?25h';
  drawn += MOUSE_TRACKING[modes.mouseTrackingMode] ?? '';
  drawn += MOUSE_ENCODING[coreMouseService.activeEncoding] ?? '';
  const shape = cursorStyle === undefined ? undefined : CURSOR_SHAPE[cursorStyle];
  if (shape !== undefined) drawn += `\x1b[${shape + (cursorBlink === true ? 0 : 1)} q`;
  if (_inputHandler._windowTitle !== '') drawn += `\x1b]2;${_inputHandler._windowTitle}\x1b\\`;
  return drawn;
}
