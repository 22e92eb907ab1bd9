/** SkyPilot, found anew for each operation and kept for a while for those that only look. */
import { Coalesced } from './sky/coalesced.ts';
import type { Sky, SkyFinder } from './sky/sky.ts';

/** How long one that was found serves those that only look: its server's address hardly changes. */
const KEPT_MS = 600_000;
/** How long to leave it when it was not found. */
const MISSED_MS = 60_000;

export class SkyAccess {
  readonly #finder: SkyFinder;
  readonly #finding = new Coalesced<Sky>({ keepMs: 0 });
  #found: { readonly path: string | undefined; readonly sky: Sky; readonly until: number } | undefined;
  #missed: { readonly path: string | undefined; readonly error: unknown; readonly until: number } | undefined;

  constructor(finder: SkyFinder) {
    this.#finder = finder;
  }

  /** Found now; those who ask at the same moment share it. @throws SkyNotInstalledError */
  async find(path: string | undefined, signal: AbortSignal): Promise<Sky> {
    try {
      const sky = await this.#finding.run(path ?? '', signal, (shared) => this.#finder.find(path, shared));
      this.#found = { path, sky, until: performance.now() + KEPT_MS };
      this.#missed = undefined;
      return sky;
    } catch (error) {
      if (!signal.aborted) {
        this.#found = undefined;
        this.#missed = { path, error, until: performance.now() + MISSED_MS };
      }
      throw error;
    }
  }

  /** As found some minutes ago, for those that only look. @throws SkyNotInstalledError */
  async recent(path: string | undefined, signal: AbortSignal): Promise<Sky> {
    const [found, missed] = [this.#found, this.#missed];
    if (found !== undefined && found.path === path && found.until > performance.now()) return found.sky;
    if (missed !== undefined && missed.path === path && missed.until > performance.now()) throw missed.error;
    return this.find(path, signal);
  }

  installCommand(signal: AbortSignal): Promise<string> {
    return this.#finder.installCommand(signal);
  }
}
