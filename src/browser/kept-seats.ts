/** The seats that this browser has joined: what leads back to them, in the browser's own store. */
import * as z from 'zod/mini';
import { parseJson } from '../client/parse-json.ts';
import { UnavailableError } from '../protocol/errors.ts';
import { idSchema } from '../protocol/names.ts';
import { t } from './language.ts';

/** `session` is the shell that was used last. */
export const keptSeatSchema = z.object({
  workshop_id: idSchema,
  workshop_name: z.string(),
  seat: z.number(),
  name: z.string(),
  code: z.string(),
  rejoin_code: z.string(),
  learner_token: z.string(),
  session: z.optional(z.string()),
});
export type KeptSeat = z.infer<typeof keptSeatSchema>;

/** The part of `localStorage` that is used. */
export type KeyStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

const SEAT_PREFIX = 'carapace.seat.';
const JOINING_PREFIX = 'carapace.joining.';

/** Every call throws UnavailableError where the browser keeps nothing for the page. */
export class KeptSeats {
  readonly #store: () => KeyStore;

  /** @param store asked each time: a browser may refuse it, and throws then */
  constructor(store: () => KeyStore) {
    this.#store = store;
  }

  /** By the workshop's id; what cannot be read is passed over. */
  get(workshopId: string): KeptSeat | undefined {
    return this.#use((store) => readSeat(store, SEAT_PREFIX + workshopId));
  }

  /** By the workshop's code, in its normal form. */
  byCode(code: string): KeptSeat | undefined {
    return this.#use((store) => {
      for (let index = 0; index < store.length; index += 1) {
        const key = store.key(index);
        const seat = key?.startsWith(SEAT_PREFIX) === true ? readSeat(store, key) : undefined;
        if (seat?.code === code) return seat;
      }
      return undefined;
    });
  }

  put(seat: KeptSeat): void {
    this.#use((store) => store.setItem(SEAT_PREFIX + seat.workshop_id, JSON.stringify(seat)));
  }

  forget(workshopId: string): void {
    this.#use((store) => store.removeItem(SEAT_PREFIX + workshopId));
  }

  /** The rejoin code of a joining of which no answer has come. */
  joining(code: string): string | undefined {
    return this.#use((store) => store.getItem(JOINING_PREFIX + code) ?? undefined);
  }

  keepJoining(code: string, rejoinCode: string): void {
    this.#use((store) => store.setItem(JOINING_PREFIX + code, rejoinCode));
  }

  forgetJoining(code: string): void {
    this.#use((store) => store.removeItem(JOINING_PREFIX + code));
  }

  #use<T>(work: (store: KeyStore) => T): T {
    try {
      return work(this.#store());
    } catch (cause) {
      const sentence = t(
        'This browser keeps nothing for this page, so nothing would lead you back to your seat. Allow it to keep site data, or use another browser.',
      );
      throw new UnavailableError(sentence, undefined, { cause });
    }
  }
}

function readSeat(store: KeyStore, key: string): KeptSeat | undefined {
  const result = keptSeatSchema.safeParse(parseJson(store.getItem(key) ?? ''));
  return result.success ? result.data : undefined;
}
