/** Bytes in a way that processes and browsers share. */

/** Characters that one call makes: more arguments could overflow the stack. */
const PIECE = 8_192;

/** Both, in a new array. */
export function concatBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** One character for each byte, U+0000 to U+00FF. `TextDecoder`'s latin1 is windows-1252, which has others from 0x80 to 0x9f. */
export function latin1OfBytes(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += PIECE) {
    text += String.fromCharCode(...bytes.subarray(start, start + PIECE));
  }
  return text;
}

/** The reverse of {@link latin1OfBytes}. */
export function bytesOfLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}
