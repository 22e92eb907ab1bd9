/** A `localStorage` that lives as long as its test. */
import type { KeyStore } from '../../../src/browser/kept-seats.ts';

export class MemoryStore implements KeyStore {
  readonly #values = new Map<string, string>();

  get length(): number {
    return this.#values.size;
  }

  get keys(): string[] {
    return [...this.#values.keys()];
  }

  key(index: number): string | null {
    return this.keys[index] ?? null;
  }

  getItem(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#values.set(key, value);
  }

  removeItem(key: string): void {
    this.#values.delete(key);
  }
}
