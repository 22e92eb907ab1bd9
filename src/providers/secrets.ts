/** Tokens of control planes, and of seats that were joined: in the system's key store, and where that fails, in memory with a word to the user. */
import type { LogOutputChannel, SecretStorage } from 'vscode';

export class Secrets {
  readonly #storage: SecretStorage;
  readonly #log: Pick<LogOutputChannel, 'warn'>;
  readonly #warn: () => void;
  readonly #memory = new Map<string, string>();
  #warned = false;

  /** @param warn called once, when the first secret could not be stored */
  constructor(storage: SecretStorage, log: Pick<LogOutputChannel, 'warn'>, warn: () => void) {
    this.#storage = storage;
    this.#log = log;
    this.#warn = warn;
  }

  async get(key: string): Promise<string | undefined> {
    const remembered = this.#memory.get(key);
    if (remembered !== undefined) return remembered;
    return this.#attempt('read', () => this.#storage.get(key));
  }

  async store(key: string, secret: string): Promise<void> {
    const stored = await this.#attempt('store', async () => {
      await this.#storage.store(key, secret);
      return true;
    });
    if (stored === true) {
      // What is in memory comes first: a store that works again must not leave an earlier secret there.
      this.#memory.delete(key);
      return;
    }
    this.#memory.set(key, secret);
    if (!this.#warned) this.#warn();
    this.#warned = true;
  }

  /** The names of all secrets, what another window has kept, too; undefined where the key store cannot tell. */
  async keys(): Promise<string[] | undefined> {
    const stored = await this.#attempt('list', () => this.#storage.keys());
    return stored === undefined ? undefined : [...new Set([...stored, ...this.#memory.keys()])];
  }

  async delete(key: string): Promise<void> {
    this.#memory.delete(key);
    await this.#attempt('delete', () => this.#storage.delete(key));
  }

  /** A key store may be missing or locked (https://github.com/microsoft/vscode/issues/115248). */
  async #attempt<T>(what: string, action: () => PromiseLike<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn(`The key store of this system could not ${what} a token: ${reason}`);
      return undefined;
    }
  }
}
