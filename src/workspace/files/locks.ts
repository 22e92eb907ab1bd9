/** One change of a path at a time. */

export class PathLocks {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `change` when every earlier one of these paths has ended; answers what it answers. */
  async with<T>(paths: readonly string[], change: () => Promise<T>): Promise<T> {
    const wanted = [...new Set(paths)];
    const earlier = wanted.map((path) => this.#last.get(path)).filter((change) => change !== undefined);
    const run = Promise.all(earlier).then(change);
    // Whoever comes next waits for the end, not for success.
    const ended = run.then(
      () => undefined,
      () => undefined,
    );
    for (const path of wanted) this.#last.set(path, ended);
    try {
      return await run;
    } finally {
      for (const path of wanted) if (this.#last.get(path) === ended) this.#last.delete(path);
    }
  }
}
