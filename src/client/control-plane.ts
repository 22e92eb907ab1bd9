/** The control plane's API, typed. */
import {
  accessSchema,
  joinedSchema,
  type Access,
  type Joined,
  type JoinRequest,
  type Role,
} from '../protocol/access.ts';
import { healthSchema, type Health } from '../protocol/daemon.ts';
import type { NumberedEvent } from '../protocol/event.ts';
import {
  createdWorkshopSchema,
  operationAnswerSchema,
  operationsAnswerSchema,
  type CreatedWorkshop,
  type Operation,
} from '../protocol/operation.ts';
import {
  learnersAnswerSchema,
  seatsAnswerSchema,
  workshopAnswerSchema,
  workshopsAnswerSchema,
  type CreateWorkshop,
  type Learner,
  type Seat,
  type Workshop,
} from '../protocol/workshop.ts';
import type { Connection } from './connection.ts';
import { readEvents } from './events.ts';
import { HttpTransport, type Method, type Peer } from './http.ts';

const PEER: Peer = {
  name: 'The control plane',
  advice: 'Start one with "carapace serve", or check the address and the network.',
};

const HEALTH_DEADLINE_MS = 3_000;
/** Access may have to wait for the agent of a local worker that is being started again. */
const ACCESS_DEADLINE_MS = 30_000;

export interface CreateOptions {
  /** A repeated request with the same key answers the same workshop and makes no second one. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/**
 * Every call has a deadline, and throws the typed errors of src/protocol/errors.ts: UnavailableError where the control
 * plane cannot be reached, or the error that it answered; the signal's own reason where the caller gave up.
 */
export class ControlPlaneClient {
  readonly #http: HttpTransport;

  constructor(connection: Connection) {
    this.#http = new HttpTransport(connection, PEER);
  }

  health(signal?: AbortSignal): Promise<Health> {
    return this.#http.json(healthSchema, {
      method: 'GET',
      path: '/api/health',
      signal,
      deadlineMs: HEALTH_DEADLINE_MS,
    });
  }

  async listWorkshops(signal?: AbortSignal): Promise<Workshop[]> {
    return (await this.#http.json(workshopsAnswerSchema, { method: 'GET', path: '/api/workshops', signal })).workshops;
  }

  async getWorkshop(id: string, signal?: AbortSignal): Promise<Workshop> {
    return (await this.#http.json(workshopAnswerSchema, { method: 'GET', path: workshopPath(id), signal })).workshop;
  }

  createWorkshop(request: CreateWorkshop, options: CreateOptions = {}): Promise<CreatedWorkshop> {
    return this.#http.json(createdWorkshopSchema, {
      method: 'POST',
      path: '/api/workshops',
      json: request,
      ...(options.idempotencyKey !== undefined && { headers: { 'idempotency-key': options.idempotencyKey } }),
      signal: options.signal,
    });
  }

  startWorkshop(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(id)}/start`, signal);
  }

  stopWorkshop(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(id)}/stop`, signal);
  }

  deleteWorkshop(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('DELETE', workshopPath(id), signal);
  }

  /** @param expiresInMinutes the new time left, counted from now */
  extendWorkshop(id: string, expiresInMinutes: number, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(id)}/extend`, signal, { expires_in_minutes: expiresInMinutes });
  }

  async listSeats(workshopId: string, signal?: AbortSignal): Promise<Seat[]> {
    const path = `${workshopPath(workshopId)}/seats`;
    return (await this.#http.json(seatsAnswerSchema, { method: 'GET', path, signal })).seats;
  }

  async listLearners(workshopId: string, signal?: AbortSignal): Promise<Learner[]> {
    const path = `${workshopPath(workshopId)}/learners`;
    return (await this.#http.json(learnersAnswerSchema, { method: 'GET', path, signal })).learners;
  }

  resetSeat(workshopId: string, seat: number, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(workshopId)}/seats/${seat}/reset`, signal);
  }

  /** How somebody with that role gets into a seat. */
  access(workshopId: string, seat: number, role: Role, signal?: AbortSignal): Promise<Access> {
    return this.#http.json(accessSchema, {
      method: 'POST',
      path: `${workshopPath(workshopId)}/seats/${seat}/access`,
      json: { role },
      signal,
      deadlineMs: ACCESS_DEADLINE_MS,
    });
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

  async listOperations(signal?: AbortSignal): Promise<Operation[]> {
    const answer = await this.#http.json(operationsAnswerSchema, { method: 'GET', path: '/api/operations', signal });
    return answer.operations;
  }

  getOperation(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('GET', operationPath(id), signal);
  }

  cancelOperation(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${operationPath(id)}/cancel`, signal);
  }

  /**
   * Every change from `lastEventId` on, over one connection: ends or throws when that drops. `onOpen` is called once the
   * control plane has accepted it: what happens from then on is told.
   */
  events(options: {
    readonly lastEventId?: number;
    readonly signal: AbortSignal;
    readonly onOpen?: () => void;
  }): AsyncIterable<NumberedEvent> {
    const { lastEventId, signal, onOpen } = options;
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    return this.#events('/api/events', headers, signal, onOpen);
  }

  /** One operation's events from its start; ends after its last one. */
  operationEvents(id: string, options: { readonly signal: AbortSignal }): AsyncIterable<NumberedEvent> {
    return this.#events(`${operationPath(id)}/events`, {}, options.signal);
  }

  async *#events(
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
    onOpen?: () => void,
  ): AsyncGenerator<NumberedEvent, void, undefined> {
    const response = await this.#http.open({
      method: 'GET',
      path,
      headers: { ...headers, accept: 'text/event-stream' },
      signal,
    });
    onOpen?.();
    yield* readEvents(response, signal);
  }

  async #operation(method: Method, path: string, signal?: AbortSignal, json?: unknown): Promise<Operation> {
    const request = { method, path, signal, ...(json !== undefined && { json }) };
    return (await this.#http.json(operationAnswerSchema, request)).operation;
  }
}

function workshopPath(id: string): string {
  return `/api/workshops/${encodeURIComponent(id)}`;
}

function operationPath(id: string): string {
  return `/api/operations/${encodeURIComponent(id)}`;
}
