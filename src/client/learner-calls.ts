/** The part of the control plane's API that a learner uses, typed: what processes and browsers share. */
import {
  accessSchema,
  joinedSchema,
  learnerViewSchema,
  type Access,
  type Joined,
  type JoinRequest,
  type LearnerView,
} from '../protocol/access.ts';
import type { NumberedEvent } from '../protocol/event.ts';
import { readEvents } from './events.ts';
import type { Transport } from './transport.ts';

/** Access may have to wait for the agent of a local worker that is being started again; milliseconds. */
export const ACCESS_DEADLINE_MS = 30_000;

export interface EventOptions {
  readonly lastEventId?: number;
  readonly signal: AbortSignal;
  /** Called once the control plane has accepted the stream: what happens from then on is told. */
  readonly onOpen?: () => void;
}

/**
 * Every call has a deadline, and throws the typed errors of src/protocol/errors.ts: UnavailableError where the control
 * plane cannot be reached, or the error that it answered; the signal's own reason where the caller gave up.
 */
export class LearnerCalls {
  readonly #http: Transport;

  /** @param http with the learner's token, or none for joining */
  constructor(http: Transport) {
    this.#http = http;
  }

  /** Takes a seat with a join code; needs no token, and is idempotent by `rejoin_code`. */
  join(request: JoinRequest, signal?: AbortSignal): Promise<Joined> {
    return this.#http.json(joinedSchema, {
      method: 'POST',
      path: '/api/join',
      json: request,
      signal,
      deadlineMs: ACCESS_DEADLINE_MS,
    });
  }

  /** The seat of the learner whose token this connection has. @throws UnauthorizedError once the seat was freed */
  learner(signal?: AbortSignal): Promise<LearnerView> {
    return this.#http.json(learnerViewSchema, { method: 'GET', path: '/api/learner', signal });
  }

  /** A new way into that learner's seat. */
  learnerAccess(signal?: AbortSignal): Promise<Access> {
    const request = { method: 'POST', path: '/api/learner/access', json: {}, signal } as const;
    return this.#http.json(accessSchema, { ...request, deadlineMs: ACCESS_DEADLINE_MS });
  }

  /** Every change from `lastEventId` on, over one connection: ends or throws when that drops. */
  events(options: EventOptions): AsyncIterable<NumberedEvent> {
    return openEvents(this.#http, '/api/events', options);
  }
}

/** The events at one address of the control plane. */
export async function* openEvents(
  http: Pick<Transport, 'open'>,
  path: string,
  { lastEventId, signal, onOpen }: EventOptions,
): AsyncGenerator<NumberedEvent, void, undefined> {
  const last: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  const headers = { ...last, accept: 'text/event-stream' };
  const response = await http.open({ method: 'GET', path, headers, signal });
  onOpen?.();
  yield* readEvents(response, signal);
}
