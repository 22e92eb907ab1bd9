/** The terminal's colors, light and dark, as the rest of the page. */
import type { ITheme } from '@xterm/xterm';

const DARK: ITheme = {
  background: '#1b1d23',
  foreground: '#e6e6e6',
  cursor: '#e6e6e6',
  selectionBackground: '#4a5568',
};

/** Bright colors of the usual palette cannot be read on white. */
const LIGHT: ITheme = {
  background: '#ffffff',
  foreground: '#1f2328',
  cursor: '#1f2328',
  cursorAccent: '#ffffff',
  selectionBackground: '#b6d7ff',
  black: '#1f2328',
  red: '#b3261e',
  green: '#116329',
  yellow: '#7d4e00',
  blue: '#0550ae',
  magenta: '#8250df',
  cyan: '#1b7c83',
  white: '#6e7781',
  brightBlack: '#57606a',
  brightRed: '#a40e26',
  brightGreen: '#1a7f37',
  brightYellow: '#633c01',
  brightBlue: '#0969da',
  brightMagenta: '#6639ba',
  brightCyan: '#3192aa',
  brightWhite: '#424a53',
};

/** A color that the person has chosen for all pages, as numbers, which is what a terminal takes. */
function systemColor(name: 'Canvas' | 'CanvasText' | 'Highlight' | 'HighlightText'): string {
  const probe = document.createElement('span');
  probe.style.color = name;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** The person's own colors in high contrast, with a palette that can be told apart on them. */
function forcedTheme(palette: ITheme): ITheme {
  const [background, foreground] = [systemColor('Canvas'), systemColor('CanvasText')];
  const cursor = { cursor: foreground, cursorAccent: background };
  const marked = { selectionBackground: systemColor('Highlight'), selectionForeground: systemColor('HighlightText') };
  return { ...palette, background, foreground, ...cursor, ...marked };
}

/** Tells the colors of now, and again whenever the person changes them. */
export function followColors(tell: (theme: ITheme) => void): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const forced = matchMedia('(forced-colors: active)');
  const apply = () => {
    const palette = dark.matches ? DARK : LIGHT;
    tell(forced.matches ? forcedTheme(palette) : palette);
  };
  dark.addEventListener('change', apply);
  forced.addEventListener('change', apply);
  apply();
}
