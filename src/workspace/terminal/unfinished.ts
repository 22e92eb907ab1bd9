/** What has begun at the end of a terminal's output and goes on with the next byte. */

/** A sequence that is longer, such as a picture, is not looked for, in bytes. */
export const MAX_UNFINISHED_BYTES = 4096;

/** As the control sequences of ECMA-48 begin. Bytes are looked at as Latin-1: one character each. */
const ESC = '\\u001b';
const STRING = `[P\\]X^_][^\\u0007\\u0018\\u001a\\u001b]*`;
/** The first bytes of a character of UTF-8. */
const CHARACTER = '[\\u00c2-\\u00df]|[\\u00e0-\\u00ef][\\u0080-\\u00bf]?|[\\u00f0-\\u00f4][\\u0080-\\u00bf]{0,2}';
const UNFINISHED = new RegExp(`(?:${ESC}(?:\\[[ -?]*|${STRING}|[ -/]*)|${CHARACTER})$`);

/** The part at the end of the bytes that is no whole character or control sequence; empty where all are whole. */
export function unfinishedEnd(bytes: Buffer): Buffer {
  const end = bytes.subarray(Math.max(0, bytes.length - MAX_UNFINISHED_BYTES));
  const begun = UNFINISHED.exec(end.toString('latin1'));
  return end.subarray(begun?.index ?? end.length);
}
