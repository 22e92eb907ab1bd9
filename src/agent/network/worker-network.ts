/** The network of the seats of one agent, made of the kernel's own parts. See seat-network.ts. */
import type { Logger } from 'pino';
import { InternalError, NoCapacityError } from '../../protocol/errors.ts';
import { DnsForwarder } from './dns/forwarder.ts';
import { findForeignDrops } from './foreign-rules.ts';
import { existingSlots, linkedSlots, listNamespaces } from './kernel-state.ts';
import { isOwner, linkOf, type Owner } from './names.ts';
import { requirePrograms } from './programs.ts';
import { BRIDGE, MAX_SLOTS, type SeatLink, type SeatNetwork } from './seat-network.ts';
import { ensureShared, hasRules, hasBridge, removeShared } from './shared-links.ts';
import { SlotTable } from './slot-table.ts';
import { Slot } from './slot.ts';

export interface WorkerNetworkOptions {
  /**
   * Tells what is this agent's from what is another's on the same machine: the same for each agent of one state folder.
   */
  readonly owner: Owner;
  readonly log: Logger;
  /** Slots that are kept ready ahead. */
  readonly ahead?: number;
}

const AHEAD = 4;

export class WorkerNetwork implements SeatNetwork {
  readonly #owner: Owner;
  readonly #log: Logger;
  readonly #ahead: number;
  readonly #dns: DnsForwarder;
  readonly #slots = new SlotTable();
  /** By slot, while it is being prepared. */
  readonly #preparing = new Map<number, Promise<void>>();
  #filling: Promise<void> | undefined;
  #closed = new AbortController();

  constructor(options: WorkerNetworkOptions) {
    if (!isOwner(options.owner)) throw new InternalError(`"${options.owner}" is no name for the owner of a network.`);
    this.#owner = options.owner;
    this.#log = options.log;
    this.#ahead = options.ahead ?? AHEAD;
    this.#dns = new DnsForwarder(BRIDGE.address, options.log);
  }

  async open(signal: AbortSignal): Promise<void> {
    requirePrograms();
    if (this.#closed.signal.aborted) this.#closed = new AbortController();
    await ensureShared(signal);
    await this.#dns.start();
    try {
      for (const warning of await this.diagnose(signal)) this.#log.warn(warning);
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn({ err: error }, 'whether other rules of this worker stop the seats could not be found out');
    }
  }

  async guard(signal: AbortSignal): Promise<void> {
    if (await hasRules(signal)) return;
    this.#log.warn('the firewall of the seats was gone, removed by another program; it is made again');
    await ensureShared(signal);
  }

  diagnose(signal: AbortSignal): Promise<readonly string[]> {
    return findForeignDrops(signal);
  }

  async take(preferred: number, signal: AbortSignal): Promise<SeatLink> {
    for (let attempt = 0; attempt < MAX_SLOTS; attempt += 1) {
      await this.#preparing.get(preferred);
      const foreign = await existingSlots();
      signal.throwIfAborted();
      if (this.#preparing.has(preferred)) continue;
      const slot = this.#slots.choose(preferred, foreign);
      if (slot === undefined) break;
      if (await this.#occupy(slot, signal)) {
        this.#fill();
        return linkOf(this.#owner, slot);
      }
    }
    throw new NoCapacityError(`All ${MAX_SLOTS} addresses for seats on this worker are taken.`);
  }

  async adopt(slot: number, signal: AbortSignal): Promise<SeatLink> {
    await new Slot(this.#owner, slot).mend(signal);
    this.#slots.set(slot, 'held');
    return linkOf(this.#owner, slot);
  }

  isWhole(slot: number): Promise<boolean> {
    return new Slot(this.#owner, slot).isWhole();
  }

  async release(slot: number): Promise<void> {
    await this.#preparing.get(slot);
    this.#slots.set(slot, 'busy');
    try {
      await new Slot(this.#owner, slot).remove();
    } finally {
      this.#slots.clear(slot);
    }
    this.#fill();
  }

  async reap(keep: ReadonlySet<number>): Promise<void> {
    const namespaces = await listNamespaces();
    const named = new Set(namespaces.map(({ slot }) => slot));
    const own = namespaces.filter(({ owner }) => owner === this.#owner).map(({ slot }) => slot);
    const orphans = [...(await linkedSlots())].filter((slot) => !named.has(slot));
    const left = [...own, ...orphans].filter((slot) => !keep.has(slot) && this.#slots.use(slot) === undefined);
    for (const slot of left) await this.release(slot);
    this.#fill();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#filling;
    for (const slot of this.#slots.all('ready')) await this.release(slot);
    this.#dns.stop();
    await removeShared();
  }

  /** False where another try is needed. */
  async #occupy(slot: number, signal: AbortSignal): Promise<boolean> {
    const wasReady = this.#slots.use(slot) === 'ready';
    this.#slots.set(slot, 'held');
    return wasReady || (await this.#make(slot, signal));
  }

  /** Leaves nothing where it fails. False where another agent was in the way, and another try may help. */
  async #make(number: number, signal: AbortSignal): Promise<boolean> {
    const slot = new Slot(this.#owner, number);
    try {
      await slot.make(signal);
      return true;
    } catch (error) {
      this.#slots.set(number, 'busy');
      await slot.remove().finally(() => this.#slots.clear(number));
      if ((await linkedSlots()).has(number)) return false;
      signal.throwIfAborted();
      if (await hasBridge(signal)) throw error;
      // The last seat of another agent, which ended meanwhile, took it along.
      await ensureShared(signal);
      return false;
    }
  }

  /** Prepares slots in the background, one at a time. */
  #fill(): void {
    this.#filling ??= this.#fillUp()
      .catch((error: unknown) => {
        if (this.#closed.signal.aborted) return;
        this.#log.warn({ err: error }, 'no slot could be prepared; each is made when it is needed');
      })
      .finally(() => (this.#filling = undefined));
  }

  async #fillUp(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted && this.#slots.all('ready').length < this.#ahead) {
      const slot = this.#slots.firstFree(await existingSlots());
      if (slot === undefined) return;
      const preparing = this.#prepare(slot, signal);
      // Who waits for it only wants to know that it is over.
      const over = preparing.catch(() => undefined).then(() => void this.#preparing.delete(slot));
      this.#preparing.set(slot, over);
      await preparing;
    }
  }

  async #prepare(slot: number, signal: AbortSignal): Promise<void> {
    this.#slots.set(slot, 'busy');
    if (await this.#make(slot, signal)) this.#slots.set(slot, 'ready');
  }
}
