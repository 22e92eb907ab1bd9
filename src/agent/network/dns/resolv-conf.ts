/** The worker's own resolvers, as resolv.conf(5) names them. */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** The standard resolver libraries use the first three. */
const MAX_UPSTREAMS = 3;

/** How long a look at the file counts. */
const CHECK_INTERVAL_MS = 1_000;

/** The addresses after `nameserver`, in their order, without `own`, which would ask itself. */
export function parseResolvConf(text: string, own: string): string[] {
  const addresses = text.split('\n').map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '');
  return addresses.filter((address) => isIP(address) !== 0 && address !== own).slice(0, MAX_UPSTREAMS);
}

/** Reads the file again when it has changed; while it cannot be read, what it said before holds. */
export class ResolvConf {
  readonly #path: string;
  readonly #own: string;
  #addresses: readonly string[] = [];
  #version = '';
  #checkedAt = -Infinity;

  constructor(path: string, own: string) {
    this.#path = path;
    this.#own = own;
  }

  addresses(now: number = performance.now()): readonly string[] {
    if (now - this.#checkedAt < CHECK_INTERVAL_MS) return this.#addresses;
    this.#checkedAt = now;
    try {
      // A link to the file may point to another one now: what it points to is looked at.
      const { dev, ino, size, mtimeMs, ctimeMs } = statSync(this.#path);
      const version = [dev, ino, size, mtimeMs, ctimeMs].join(' ');
      if (version !== this.#version) {
        this.#addresses = parseResolvConf(readFileSync(this.#path, 'utf8'), this.#own);
        this.#version = version;
      }
    } catch {
      // Looked at again in a second.
    }
    return this.#addresses;
  }
}
