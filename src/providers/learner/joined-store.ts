/** Keeps the joined seats in the key store: their codes and tokens are keys to the seats. */
import * as z from 'zod/mini';
import type { Secrets } from '../secrets.ts';
import { joinedId, joinedSeatSchema, type JoinedSeat } from './joined-seat.ts';

const PREFIX = 'carapace.joined ';

/** Joined seats that are kept, those that were joined last; nobody is in more workshops at once. */
const MAX_SEATS = 100;

/** `kept_at` is when it was kept last, in milliseconds since 1970; one of an earlier version has none. */
const keptSchema = z.extend(joinedSeatSchema, { kept_at: z.optional(z.number()) });

interface Kept {
  readonly key: string;
  readonly record: JoinedSeat;
  readonly at: number;
}

/** Whether a name in the key store is that of a joined seat. */
export function isJoinedKey(key: string): boolean {
  return key.startsWith(PREFIX);
}

export class JoinedStore {
  readonly #secrets: Secrets;
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(secrets: Secrets, now: () => number = Date.now) {
    this.#secrets = secrets;
    this.#now = now;
  }

  /**
   * All of them, by id, at most {@link MAX_SEATS}; undefined where the key store cannot tell. What cannot be read, such as
   * one of a later version, is passed over.
   */
  async all(): Promise<Map<string, JoinedSeat> | undefined> {
    const kept = await this.#newestFirst();
    return kept && new Map(kept.slice(0, MAX_SEATS).map(({ record }) => [joinedId(record), record]));
  }

  async get(id: string): Promise<JoinedSeat | undefined> {
    return (await this.#read(PREFIX + id))?.record;
  }

  /** Keeps it; where there are too many then, those go that were not kept anew for the longest time. */
  async put(record: JoinedSeat): Promise<void> {
    const kept = { ...record, kept_at: this.#now() } satisfies z.infer<typeof keptSchema>;
    await this.#secrets.store(PREFIX + joinedId(record), JSON.stringify(kept));
    const old = (await this.#newestFirst())?.slice(MAX_SEATS) ?? [];
    for (const { key } of old) await this.#secrets.delete(key);
  }

  async remove(id: string): Promise<void> {
    await this.#secrets.delete(PREFIX + id);
  }

  async #newestFirst(): Promise<Kept[] | undefined> {
    const keys = (await this.#secrets.keys())?.filter(isJoinedKey);
    if (keys === undefined) return undefined;
    const found = await Promise.all(keys.map((key) => this.#read(key)));
    return found.filter((kept) => kept !== undefined).sort((one, other) => other.at - one.at);
  }

  async #read(key: string): Promise<Kept | undefined> {
    const text = await this.#secrets.get(key);
    if (text === undefined) return undefined;
    try {
      const { kept_at: at = 0, ...record } = keptSchema.parse(JSON.parse(text));
      return { key, record, at };
    } catch {
      return undefined;
    }
  }
}
