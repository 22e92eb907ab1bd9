/** Output that is shown again, without what was answered the first time. */
import { bytesOfLatin1, concatBytes, latin1OfBytes } from './bytes.ts';

/** Escape, as the control sequences of ECMA-48 and xterm begin. Bytes are looked at as Latin-1: one character each. */
const ESC = '\\u001b';
/** How a string sequence ends: BEL, or ESC \ */
const END = `(?:\\u0007|${ESC}\\\\)`;
const TEXT = '[^\\u0007\\u001b]*';

/**
 * The questions that terminals answer by typing (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html): what are you,
 * where is the cursor, how large, which mode, which color. A program asked once; a second answer would be input that
 * nobody typed.
 */
const QUESTIONS = new RegExp(
  [
    `${ESC}\\[[>=]?\\d*c`, // DA1, DA2, DA3
    `${ESC}\\[\\??\\d+n`, // DSR, CPR
    `${ESC}\\[\\??\\d+\\$p`, // DECRQM
    `${ESC}\\[(?:1[1-9]|2[01])(?:;\\d+)*t`, // reports of the window
    `${ESC}\\[>\\d*q`, // XTVERSION
    `${ESC}\\[\\?u`, // keyboard protocol
    `${ESC}\\[[01]?x`, // DECREQTPARM
    `${ESC}P[$+]q${TEXT}${ESC}\\\\`, // DECRQSS, XTGETTCAP
    `${ESC}\\](?:4|5|1[0-9]|21|52);(?:${TEXT};)?\\?(?:;${TEXT})?${END}`, // colors, clipboard
    `${ESC}Z`, // DECID
  ].join('|'),
  'g',
);

/** A sequence that has begun and not ended. */
const UNFINISHED = new RegExp(`${ESC}(?:\\[[ -?]*|[\\]P]${TEXT}(?:${ESC})?)?$`);

/** A sequence longer than this is no question, in bytes. */
const MAX_HELD = 4_096;

/** Takes the output of a session from the start of a replay on; what comes after the replay passes as it is. */
export class ReplayFilter {
  #left: number;
  #held = '';

  /** @param replayed how many of the bytes to come have been shown before */
  constructor(replayed: number) {
    this.#left = replayed;
  }

  /** Whether the replay is over, and with it the filter's work. */
  get isOver(): boolean {
    return this.#left === 0;
  }

  /** The bytes to show, out of those that have come. */
  take(bytes: Uint8Array): Uint8Array {
    const again = bytes.subarray(0, this.#left);
    const live = bytes.subarray(again.length);
    this.#left -= again.length;
    const text = (this.#held + latin1OfBytes(again)).replace(QUESTIONS, '');
    this.#held = '';
    // A question that goes on behind the replay has not been answered.
    const unfinished = this.isOver ? undefined : UNFINISHED.exec(text)?.[0];
    if (unfinished !== undefined && unfinished.length <= MAX_HELD) this.#held = unfinished;
    const shown = bytesOfLatin1(text.slice(0, text.length - this.#held.length));
    return live.length === 0 ? shown : concatBytes(shown, live);
  }
}
