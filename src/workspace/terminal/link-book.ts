/**
 * The links (OSC 8) of one terminal, those that were begun last. xterm.js keeps each one until its line is gone, with a
 * marker that follows the line: a program that writes links on one line and never leaves it fills the seat's memory.
 */

/** The longest address that terminals take, in characters, and the longest id (https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda). */
const MAX_URI_LENGTH = 2083;
const MAX_ID_LENGTH = 250;
/** Links that are kept, and their characters together. */
export const MAX_LINKS = 1000;
const MAX_CHARACTERS = 262_144;

export interface LinkData {
  readonly uri: string;
  /** Cells with the same one are one link, wherever they are. */
  readonly id?: string | undefined;
}

/** Takes the place of the `OscLinkService` of xterm.js. */
export class LinkBook {
  /** Those that were begun longest ago first. */
  readonly #links = new Map<number, LinkData>();
  readonly #numbers = new Map<string, number>();
  #next = 1;
  #characters = 0;

  /** The number of a link, as cells have it; 0, which is none, for one that is too long. */
  registerLink({ uri, id }: LinkData): number {
    if (uri.length > MAX_URI_LENGTH || (id ?? '').length > MAX_ID_LENGTH) return 0;
    const known = this.#numbers.get(keyOf({ uri, id }));
    const number = known ?? this.#next++;
    if (known === undefined) this.#characters += lengthOf({ uri, id });
    const link = this.#links.get(number) ?? { uri: copied(uri), ...(id !== undefined && { id: copied(id) }) };
    this.#links.delete(number);
    this.#links.set(number, link);
    if (known === undefined) this.#numbers.set(keyOf(link), number);
    this.#forgetOldest();
    return number;
  }

  /** Nobody has to know which lines a link is on. */
  addLineToLink(): void {
    return undefined;
  }

  /** Undefined for one that was forgotten: its cells have none then. */
  getLinkData(number: number): LinkData | undefined {
    return this.#links.get(number);
  }

  #forgetOldest(): void {
    for (const [number, link] of this.#links) {
      if (this.#links.size <= MAX_LINKS && this.#characters <= MAX_CHARACTERS) return;
      this.#links.delete(number);
      this.#numbers.delete(keyOf(link));
      this.#characters -= lengthOf(link);
    }
  }
}

function keyOf({ uri, id = '' }: LinkData): string {
  return `${id};${uri}`;
}

function lengthOf({ uri, id = '' }: LinkData): number {
  return uri.length + id.length;
}

/** A part of a string keeps the whole in memory. */
function copied(text: string): string {
  return Buffer.from(text).toString();
}
