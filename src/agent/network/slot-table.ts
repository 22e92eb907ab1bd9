/** Which slots this agent has, and what for. Free is what is not in it, and not made by another agent either. */
import { SLOTS } from './names.ts';

/** `ready`: prepared, waiting for a seat. `busy`: being made or removed. */
export type SlotUse = 'busy' | 'ready' | 'held';

export class SlotTable {
  readonly #uses = new Map<number, SlotUse>();

  use(slot: number): SlotUse | undefined {
    return this.#uses.get(slot);
  }

  set(slot: number, use: SlotUse): void {
    this.#uses.set(slot, use);
  }

  clear(slot: number): void {
    this.#uses.delete(slot);
  }

  all(use: SlotUse): number[] {
    return [...this.#uses].flatMap(([slot, its]) => (its === use ? [slot] : []));
  }

  /** The preferred slot where nobody has it, else a prepared one, else the first of the free ones. */
  choose(preferred: number, foreign: ReadonlySet<number>): number | undefined {
    const use = this.#uses.get(preferred);
    if (use === 'ready' || this.#isFree(preferred, foreign)) return preferred;
    return this.all('ready').sort((a, b) => a - b)[0] ?? this.firstFree(foreign);
  }

  firstFree(foreign: ReadonlySet<number>): number | undefined {
    return SLOTS.find((slot) => this.#isFree(slot, foreign));
  }

  #isFree(slot: number, foreign: ReadonlySet<number>): boolean {
    return SLOTS.includes(slot) && !this.#uses.has(slot) && !foreign.has(slot);
  }
}
