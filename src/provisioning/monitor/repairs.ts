/** When seats that broke are made again: soon at first, then less and less often. Pure but for its memory. */

/** Waits between repairs of one workshop, in milliseconds; the last one stays. */
const WAITS_MS = [0, 15_000, 60_000, 300_000] as const;

interface Trouble {
  readonly since: number;
  readonly repairs: number;
  readonly notBefore: number;
}

export class Repairs {
  readonly #troubles = new Map<string, Trouble>();
  readonly #patienceMs: number;

  /** @param patienceMs how long seats may be unhealthy before they are made again */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /**
   * Whether the broken seats of a workshop are to be made again now.
   * @param isLost whether one of them is gone, and does not come back by itself
   * @param now milliseconds
   */
  isDue(workshopId: string, isLost: boolean, now: number): boolean {
    const trouble = this.#troubles.get(workshopId) ?? { since: now, repairs: 0, notBefore: now };
    this.#troubles.set(workshopId, trouble);
    return now >= trouble.notBefore && (isLost || now - trouble.since >= this.#patienceMs);
  }

  /** A repair was begun. */
  begun(workshopId: string, now: number): void {
    const trouble = this.#troubles.get(workshopId);
    if (trouble === undefined) return;
    const repairs = trouble.repairs + 1;
    const wait = WAITS_MS[Math.min(repairs, WAITS_MS.length - 1)] ?? 0;
    this.#troubles.set(workshopId, { since: now, repairs, notBefore: now + wait });
  }

  /** Forgets every workshop that has no broken seat. */
  keepOnly(workshopIds: ReadonlySet<string>): void {
    for (const id of this.#troubles.keys()) if (!workshopIds.has(id)) this.#troubles.delete(id);
  }
}
