/** A fake server of a joined workshop, and what is kept of it. */
import type { SecretStorage } from 'vscode';
import type { Access, LearnerView } from '../../../src/protocol/access.ts';
import { UnauthorizedError, UnavailableError } from '../../../src/protocol/errors.ts';
import type { CarapaceEvent, NumberedEvent } from '../../../src/protocol/event.ts';
import { Disposer } from '../../../src/providers/disposer.ts';
import type { Joined } from '../../../src/providers/learner/joined-seat.ts';
import type { LearnerClient } from '../../../src/providers/learner/learner-session.ts';
import { seat, workshop } from './fixtures.ts';

export const LEARNER_TOKEN = 'learner-token';

export function joined(changes: Partial<Joined> = {}): Joined {
  return {
    server: 'https://class.example.org',
    code: 'ABCD2345',
    rejoin_code: 'r'.repeat(26),
    name: 'Alice',
    seat: { workshop: 'ws-one', workshop_name: 'Intro', number: 2, learner_token: LEARNER_TOKEN },
    ...changes,
  };
}

export function view(changes: Partial<LearnerView> = {}): LearnerView {
  return { name: 'Alice', workshop: workshop({ id: 'ws-one' }), seat: seat({ seat: 2, learner: 'Alice' }), ...changes };
}

/** What a server would do: it tells its view, streams events, and refuses when the seat was freed. */
export class FakeServer {
  told = view();
  /** How it fails now; undefined where it works. */
  failure: Error | undefined;
  looks = 0;
  accesses = 0;
  #stream: { push(event: CarapaceEvent): void; end(): void } | undefined;

  readonly client: LearnerClient = {
    learner: () => {
      this.looks += 1;
      return this.#answer(() => this.told);
    },
    learnerAccess: () =>
      this.#answer((): Access => {
        this.accesses += 1;
        const expires_at = new Date(Date.now() + 3_600_000).toISOString();
        return { endpoint: 'http://127.0.0.1:9090', token: `seat-token-${this.accesses}`, expires_at };
      }),
    events: ({ signal, onOpen }) => this.#events(signal, onOpen),
  };

  /** Whether somebody follows it. */
  get followed(): boolean {
    return this.#stream !== undefined;
  }

  tell(event: CarapaceEvent): void {
    this.#stream?.push(event);
  }

  endStream(): void {
    this.#stream?.end();
  }

  away(): void {
    this.failure = new UnavailableError('Nobody answers.');
  }

  forget(): void {
    this.failure = new UnauthorizedError('That token opens nothing.');
  }

  #answer<T>(make: () => T): Promise<T> {
    return this.failure === undefined ? Promise.resolve(make()) : Promise.reject(this.failure);
  }

  async *#events(signal: AbortSignal, onOpen?: () => void): AsyncGenerator<NumberedEvent, void, undefined> {
    await this.#answer(() => undefined);
    const queue: CarapaceEvent[] = [];
    let more = Promise.withResolvers<undefined>();
    const wake = () => more.resolve(undefined);
    const end = new AbortController();
    this.#stream = {
      push: (event) => {
        queue.push(event);
        wake();
      },
      end: () => {
        end.abort();
        wake();
      },
    };
    signal.addEventListener('abort', wake);
    onOpen?.();
    try {
      for (let id = 1; !end.signal.aborted || queue.length > 0;) {
        const event = queue.shift();
        if (event !== undefined) yield { id: id++, event };
        else await more.promise;
        more = Promise.withResolvers();
        signal.throwIfAborted();
      }
    } finally {
      this.#stream = undefined;
    }
  }
}

const neverFires = () => new Disposer();

/** A key store, or one that fails as on a system without a keyring. */
export function keyStore(works = true): SecretStorage & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  const run = <T>(work: () => T) => (works ? Promise.resolve(work()) : Promise.reject(new Error('no keyring')));
  return {
    kept,
    get: (key) => run(() => kept.get(key)),
    store: (key, value) => run(() => void kept.set(key, value)),
    delete: (key) => run(() => void kept.delete(key)),
    keys: () => run(() => [...kept.keys()]),
    onDidChange: neverFires as never,
  };
}
