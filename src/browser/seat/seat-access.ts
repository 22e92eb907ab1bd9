/** The way into the learner's seat: one token at a time, by the relay of the server that the page came from. */
import type { Access } from '../../protocol/access.ts';
import type { TokenSource } from '../fetch-transport.ts';

/** An access that ends so soon is renewed before it is used, in milliseconds. */
const MARGIN_MS = 30_000;

export class SeatAccess implements TokenSource {
  readonly #base: string;
  readonly #ask: (signal?: AbortSignal) => Promise<Access>;
  #access: Access | undefined;
  #asking: Promise<Access> | undefined;

  /**
   * @param base the server's address: a page speaks to no other
   * @param ask for a new access
   */
  constructor(base: string, ask: (signal?: AbortSignal) => Promise<Access>) {
    this.#base = base;
    this.#ask = ask;
  }

  /** A new one. Who asks while one is on its way gets the same. @throws the typed errors of the server */
  renew(): Promise<Access> {
    // Not under the signal of whoever asked first: others wait for it, too.
    this.#asking ??= this.#renew().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async current(signal?: AbortSignal): Promise<string> {
    const known = this.#access;
    if (known !== undefined && Date.parse(known.expires_at) - Date.now() > MARGIN_MS) return known.token;
    const { token } = await this.renew();
    signal?.throwIfAborted();
    return token;
  }

  refused(token: string): void {
    if (this.#access?.token === token) this.#access = undefined;
  }

  async #renew(): Promise<Access> {
    const { token, expires_at } = await this.#ask();
    this.#access = { endpoint: this.#base, token, expires_at };
    return this.#access;
  }
}
