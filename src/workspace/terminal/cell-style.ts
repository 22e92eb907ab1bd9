/** The control sequences that give characters their appearance (ECMA-48, 8.3.117, and xterm's extensions). */
import type { CellStyle, Internals } from './headless.ts';

const FLAGS: readonly (readonly [number, (style: CellStyle) => number])[] = [
  [1, (style) => style.isBold()],
  [2, (style) => style.isDim()],
  [3, (style) => style.isItalic()],
  [5, (style) => style.isBlink()],
  [7, (style) => style.isInverse()],
  [8, (style) => style.isInvisible()],
  [9, (style) => style.isStrikethrough()],
  [53, (style) => style.isOverline()],
];

/** Sets all of an appearance, whatever the earlier one was. */
export function selectStyle(style: CellStyle): string {
  const parts = ['0', ...FLAGS.filter(([, has]) => has(style) !== 0).map(([code]) => String(code))];
  const underline = style.getUnderlineStyle();
  if (underline === 1) parts.push('4');
  else if (underline !== 0) parts.push(`4:${underline}`);
  if (style.isFgRGB()) parts.push(`38;${rgb(style.getFgColor())}`);
  else if (style.isFgPalette()) parts.push(palette(style.getFgColor(), 30, 90));
  if (style.isBgRGB()) parts.push(`48;${rgb(style.getBgColor())}`);
  else if (style.isBgPalette()) parts.push(palette(style.getBgColor(), 40, 100));
  if (underline !== 0 && style.isUnderlineColorRGB()) parts.push(`58;${rgb(style.getUnderlineColor())}`);
  else if (underline !== 0 && style.isUnderlineColorPalette()) parts.push(`58;5;${style.getUnderlineColor()}`);
  return `\x1b[${parts.join(';')}m`;
}

/** Sets the background only, which is all that an empty cell has. */
export function selectBackground(style: CellStyle): string {
  if (style.isBgRGB()) return `\x1b[0;48;${rgb(style.getBgColor())}m`;
  return style.isBgPalette() ? `\x1b[0;${palette(style.getBgColor(), 40, 100)}m` : '\x1b[0m';
}

/** Begins the link that a cell is part of; ends one where it is part of none. */
export function selectLink(style: CellStyle, links: Internals['_oscLinkService']): string {
  const link = style.extended.urlId === 0 ? undefined : links.getLinkData(style.extended.urlId);
  return link === undefined
    ? '\x1b]8;;\x1b\\'
    : `\x1b]8;${link.id === undefined ? '' : `id=${link.id}`};${link.uri}\x1b\\`;
}

function rgb(color: number): string {
  return `2;${(color >>> 16) & 0xff};${(color >>> 8) & 0xff};${color & 0xff}`;
}

function palette(color: number, dark: number, bright: number): string {
  if (color >= 16) return `${dark + 8};5;${color}`;
  return String(color < 8 ? dark + color : bright + color - 8);
}
