/** What keys send together with Control. Pure. */

/** The character of ASCII that Control makes of one, such as U+0003 of c; whatever has none stays as it is. */
export function controlCharacter(typed: string): string {
  if (typed === ' ') return '\0';
  if (typed === '?') return '\x7f';
  const isOne = /^[@-_a-z]$/.test(typed);
  return isOne ? String.fromCharCode(typed.toUpperCase().charCodeAt(0) & 0x1f) : typed;
}
