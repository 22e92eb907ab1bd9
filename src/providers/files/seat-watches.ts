/** Watches of seats: one stream for each seat that somebody holds, and what it tells. */
import { backoffMs } from '../../client/backoff.ts';
import type { SeatFiles } from '../../client/seat-files.ts';
import { NoCapacityError, TooLargeError } from '../../protocol/errors.ts';
import type { WatchEvent } from '../../protocol/files.ts';
import { seatSubject } from '../../protocol/operation.ts';
import { debounce } from '../events.ts';
import { Pause } from '../pause.ts';
import { KnownNames } from './known-names.ts';

/** Events that come together are told together, in milliseconds. */
const GATHER_MS = 50;
/** More events at once than this say no more than that much has changed. */
const MAX_GATHERED = 1_000;
/** A stream that lived this long was a good one: the next attempt comes soon again, in milliseconds. */
const GOOD_MS = 10_000;

export interface SeatName {
  readonly workshop: string;
  readonly seat: number;
}

export type SeatChange = Exclude<WatchEvent, { readonly type: 'reset' }>;

/** What happened in a seat; 'unknown' where anything may have. */
export type SeatChanges = readonly SeatChange[] | 'unknown';

export interface SeatWatchesOptions {
  readonly withFiles: <T>(
    workshop: string,
    seat: number,
    work: (files: Pick<SeatFiles, 'watch' | 'list'>) => Promise<T>,
  ) => Promise<T>;
  readonly onChanges: (seat: SeatName, changes: SeatChanges) => void;
  /** Milliseconds before the next attempt, after so many failures. */
  readonly backoff?: (failures: number) => number;
}

interface Watch {
  readonly seat: SeatName;
  readonly ended: AbortController;
  readonly tell: ReturnType<typeof debounce>;
  holders: number;
  /** While the stream tells everything. */
  names: KnownNames | undefined;
  gathered: SeatChange[] | 'unknown';
}

export class SeatWatches {
  readonly #options: SeatWatchesOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: SeatWatchesOptions) {
    this.#options = options;
  }

  dispose(): void {
    for (const watch of this.#watches.values()) this.#end(watch);
  }

  /** Keeps a seat watched until what is returned is disposed. The stream is of the whole seat, whoever asks. */
  hold(seat: SeatName): { dispose(): void } {
    const key = seatSubject(seat.workshop, seat.seat);
    const watch = this.#watches.get(key) ?? this.#begin(key, seat);
    watch.holders += 1;
    let held = true;
    return {
      dispose: () => {
        if (!held) return;
        held = false;
        watch.holders -= 1;
        if (watch.holders === 0) this.#end(watch);
      },
    };
  }

  /** What is known of a seat's folders; undefined while no stream tells of every change. */
  names({ workshop, seat }: SeatName): KnownNames | undefined {
    return this.#watches.get(seatSubject(workshop, seat))?.names;
  }

  #begin(key: string, { workshop, seat }: SeatName): Watch {
    const watch: Watch = {
      seat: { workshop, seat },
      ended: new AbortController(),
      tell: debounce(() => this.#tell(watch), GATHER_MS),
      holders: 0,
      names: undefined,
      gathered: [],
    };
    this.#watches.set(key, watch);
    void this.#run(watch);
    return watch;
  }

  #end(watch: Watch): void {
    watch.ended.abort();
    watch.tell.dispose();
    watch.names = undefined;
    this.#watches.delete(seatSubject(watch.seat.workshop, watch.seat.seat));
  }

  /** Reads one stream after the other, as long as somebody holds it. */
  async #run(watch: Watch): Promise<void> {
    const { signal } = watch.ended;
    const backoff = this.#options.backoff ?? ((failures) => backoffMs(failures, Math.random()));
    const pause = new Pause();
    for (let failures = 0; !signal.aborted; failures += 1) {
      const began = performance.now();
      const error = await this.#read(watch).catch((reason: unknown) => reason);
      watch.names = undefined;
      if (performance.now() - began > GOOD_MS) failures = 0;
      await pause.wait(backoff(failures), signal);
      // What is shown of a seat that answers, but has too much in it to be watched, is looked at from time to time.
      if (error instanceof TooLargeError || error instanceof NoCapacityError) this.#tellUnknown(watch);
    }
  }

  #tellUnknown(watch: Watch): void {
    if (watch.ended.signal.aborted) return;
    watch.gathered = 'unknown';
    watch.tell();
  }

  async #read(watch: Watch): Promise<void> {
    const { seat, ended } = watch;
    await this.#options.withFiles(seat.workshop, seat.seat, async (files) => {
      for await (const event of files.watch('', { signal: ended.signal })) {
        if (ended.signal.aborted) return;
        if (event.type === 'reset') this.#reset(watch, files);
        else this.#take(watch, event);
        watch.tell();
      }
    });
  }

  #reset(watch: Watch, files: Pick<SeatFiles, 'list'>): void {
    const names = new KnownNames();
    watch.names = names;
    watch.gathered = 'unknown';
    // Editors and extensions look for their folders in the first one of all; what fails is only not known.
    names.learn('', () => files.list('', watch.ended.signal)).catch(() => undefined);
  }

  #take(watch: Watch, event: SeatChange): void {
    if (event.type === 'deleted') watch.names?.deleted(event.path);
    else watch.names?.created(event.path);
    if (watch.gathered === 'unknown') return;
    if (watch.gathered.length < MAX_GATHERED) watch.gathered.push(event);
    else watch.gathered = 'unknown';
  }

  #tell(watch: Watch): void {
    const { seat, gathered } = watch;
    watch.gathered = [];
    this.#options.onChanges(seat, gathered);
  }
}
