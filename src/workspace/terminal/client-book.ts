/** What a session remembers of its clients by their ids, so that their input goes on where it was cut. */

/** Ids remembered per session; beyond that the longest unused one is forgotten, but never one that is connected. */
export const REMEMBERED_CLIENTS = 64;

/** One client id. Counts are bytes of this client's input, over all its connections. */
export interface ClientRecord {
  /** Received and kept: what a client need not send again. */
  accepted: number;
  /** Of these, taken by the terminal. */
  taken: number;
  /** How many connections use it now; more than one only for a moment, when a newer one supersedes. */
  connections: number;
  /** Whether its last connection broke, so that it will probably come back. */
  cut: boolean;
}

export class ClientBook {
  readonly #records = new Map<string, ClientRecord>();

  /** The record for an id, which stays valid while it is connected; a fresh one for a client without an id. */
  connect(id: string | undefined): ClientRecord {
    const record = (id === undefined ? undefined : this.#records.get(id)) ?? newRecord();
    record.connections++;
    record.cut = false;
    if (id !== undefined) {
      // Inserted again, so that the map's order is that of the last use.
      this.#records.delete(id);
      this.#records.set(id, record);
      this.#forgetOldest();
    }
    return record;
  }

  disconnect(record: ClientRecord, cut: boolean): void {
    record.connections--;
    if (record.connections === 0) record.cut = cut;
    this.#forgetOldest();
  }

  /** Whether a client that broke off may still come back. */
  get expectsAnyone(): boolean {
    return [...this.#records.values()].some((record) => record.cut);
  }

  #forgetOldest(): void {
    for (const [id, record] of this.#records) {
      if (this.#records.size <= REMEMBERED_CLIENTS) return;
      if (record.connections === 0) this.#records.delete(id);
    }
  }
}

function newRecord(): ClientRecord {
  return { accepted: 0, taken: 0, connections: 0, cut: false };
}
