/** A bound on how much is under way at once, in all and for each client. */
export class Quota {
  readonly #inAll: number;
  readonly #each: number;
  readonly #used = new Map<string, number>();
  #total = 0;

  constructor(inAll: number, each: number) {
    this.#inAll = inAll;
    this.#each = each;
  }

  /** False where the client, or all of them, have as much under way as they may. */
  take(client: string): boolean {
    const used = this.#used.get(client) ?? 0;
    if (this.#total >= this.#inAll || used >= this.#each) return false;
    this.#used.set(client, used + 1);
    this.#total += 1;
    return true;
  }

  give(client: string): void {
    const used = this.#used.get(client) ?? 0;
    if (used === 0) return;
    this.#total -= 1;
    if (used === 1) this.#used.delete(client);
    else this.#used.set(client, used - 1);
  }
}
