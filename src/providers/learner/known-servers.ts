/** The servers that a person has agreed to join at, so that they are asked once; with what was pinned then. */
import type { Memento } from 'vscode';

const KEY = 'carapace.knownServers';
/** The ones that were agreed to last. */
const MAX_SERVERS = 100;

/** By address: the PEM that was pinned, '' where the system trusted the server. */
type Known = Readonly<Record<string, string>>;

export class KnownServers {
  readonly #memory: Memento;

  constructor(memory: Memento) {
    this.#memory = memory;
  }

  /** The certificate that was agreed to, '' for none; undefined for a server that is not known. */
  get(url: string): string | undefined {
    return this.#memory.get<Known>(KEY, {})[url];
  }

  async agree(url: string, certificate: string | undefined): Promise<void> {
    const others = Object.entries(this.#memory.get<Known>(KEY, {})).filter(([other]) => other !== url);
    const kept = [...others, [url, certificate ?? ''] as const].slice(-MAX_SERVERS);
    await this.#memory.update(KEY, Object.fromEntries(kept));
  }
}
