/** The order in which the worker's resolvers are asked: the one that answered last comes first. */
export class Upstreams {
  readonly #addresses: () => readonly string[];
  #last: string | undefined;

  constructor(addresses: () => readonly string[]) {
    this.#addresses = addresses;
  }

  inOrder(): readonly string[] {
    const addresses = this.#addresses();
    const last = this.#last;
    if (last === undefined || !addresses.includes(last)) return addresses;
    return [last, ...addresses.filter((address) => address !== last)];
  }

  hasAnswered(address: string): void {
    this.#last = address;
  }
}
