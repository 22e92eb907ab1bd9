/** Names, ids and codes: their alphabets, bounds and normal forms. */
import * as z from 'zod/mini';

/** Seats of one workshop, inclusive. */
export const SEATS = { min: 1, max: 500 } as const;

/** Letters and digits of ids and codes, without the look-alikes 0 o, 1 i l. */
export const UNAMBIGUOUS_ALPHABET = '23456789abcdefghjkmnpqrstuvwxyz';

// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f]/;

/** A person's name for a thing or for themselves: 1 to 64 characters, none of them a control character. */
export const nameSchema = z.string({ error: 'a name is text' }).check(
  z.trim(),
  z.minLength(1, 'a name has at least 1 character'),
  z.maxLength(64, 'a name has at most 64 characters'),
  z.refine((name) => !CONTROL_CHARACTERS.test(name), 'a name has no control characters'),
);

/** Ids are safe in paths, URLs and host names. */
export const idSchema = z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'not an id'));

export const seatNumberSchema = z
  .int({ error: 'a seat is a whole number' })
  .check(
    z.minimum(SEATS.min, `seats count from ${SEATS.min}`),
    z.maximum(SEATS.max, `a workshop has at most ${SEATS.max} seats`),
  );

/** How many seats a workshop has. */
export const seatCountSchema = z
  .int({ error: `a workshop has a whole number of seats, from ${SEATS.min} to ${SEATS.max}` })
  .check(z.minimum(SEATS.min), z.maximum(SEATS.max));

/** Times are ISO 8601 in UTC. */
export const timeSchema = z.iso.datetime();

const CODE_LENGTH = 8;
const CODE_LETTERS = new RegExp(`^[${UNAMBIGUOUS_ALPHABET}]+$`, 'i');

/**
 * The normal form of a join code as somebody typed it: capitals without dashes and spaces, or undefined where it
 * cannot be one.
 */
export function normaliseCode(typed: string): string | undefined {
  const code = typed.replace(/[\s-]/g, '').toUpperCase();
  const wellFormed = code.length === CODE_LENGTH && CODE_LETTERS.test(code);
  return wellFormed ? code : undefined;
}

/** How a code is shown: `ABCD-2345`. */
export function showCode(code: string): string {
  return `${code.slice(0, CODE_LENGTH / 2)}-${code.slice(CODE_LENGTH / 2)}`;
}

/** A random string over the unambiguous alphabet, from the platform's secure source. */
export function randomText(length: number): string {
  let text = '';
  // 31 letters divide 248 evenly: bytes from 248 up are thrown away, so every letter is equally likely.
  const fair = 256 - (256 % UNAMBIGUOUS_ALPHABET.length);
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      if (byte < fair && text.length < length) text += UNAMBIGUOUS_ALPHABET.charAt(byte % UNAMBIGUOUS_ALPHABET.length);
    }
  }
  return text;
}

/** A fresh join code in its normal form. */
export function newCode(): string {
  return randomText(CODE_LENGTH).toUpperCase();
}

/** A fresh id such as `ws-7k2m9xq4`. */
export function newId(prefix: 'ws' | 'op' | 'worker'): string {
  return `${prefix}-${randomText(8)}`;
}
