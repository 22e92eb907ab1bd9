/** Keeps the joined seats in the key store: their codes and tokens are keys to the seats. */
import type { Secrets } from '../secrets.ts';
import { joinedId, joinedSeatSchema, type JoinedSeat } from './joined-seat.ts';

const PREFIX = 'carapace.joined ';

/** Joined seats that are kept; nobody is in more workshops at once. */
const MAX_SEATS = 100;

/** Whether a name in the key store is that of a joined seat. */
export function isJoinedKey(key: string): boolean {
  return key.startsWith(PREFIX);
}

export class JoinedStore {
  readonly #secrets: Secrets;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /**
   * All of them, by id; undefined where the key store cannot tell. What cannot be read, such as one of a later version,
   * is passed over.
   */
  async all(): Promise<Map<string, JoinedSeat> | undefined> {
    const keys = (await this.#secrets.keys())?.filter(isJoinedKey).slice(0, MAX_SEATS);
    if (keys === undefined) return undefined;
    const records = await Promise.all(keys.map((key) => this.#read(key)));
    return new Map(records.flatMap((record) => (record === undefined ? [] : [[joinedId(record), record]])));
  }

  get(id: string): Promise<JoinedSeat | undefined> {
    return this.#read(PREFIX + id);
  }

  async put(record: JoinedSeat): Promise<void> {
    await this.#secrets.store(PREFIX + joinedId(record), JSON.stringify(record));
  }

  async remove(id: string): Promise<void> {
    await this.#secrets.delete(PREFIX + id);
  }

  async #read(key: string): Promise<JoinedSeat | undefined> {
    const text = await this.#secrets.get(key);
    if (text === undefined) return undefined;
    try {
      return joinedSeatSchema.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }
}
