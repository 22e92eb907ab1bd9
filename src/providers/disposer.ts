/** Things that end together. */

export interface Disposable {
  dispose(): unknown;
}

/** Disposes what was added, the latest first; what is added afterwards is disposed at once. */
export class Disposer implements Disposable {
  readonly #parts: Disposable[] = [];
  #disposed = false;

  add<T extends Disposable>(part: T): T {
    if (this.#disposed) part.dispose();
    else this.#parts.push(part);
    return part;
  }

  dispose(): void {
    this.#disposed = true;
    for (const part of this.#parts.splice(0).reverse()) part.dispose();
  }
}
