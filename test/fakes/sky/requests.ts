/** The requests of a running API server. They are lost with it, as its database is. */
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { USER } from './records.ts';

export type RequestStatus = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** An error as SkyPilot tells it: the Python class and its message. */
export class SkyError extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** A pickled None. */
const PICKLE = 'gAROLg==';

const ENTRYPOINTS: Readonly<Record<string, string>> = { 'sky.down': 'user_initiated_down' };

const LONG = ['sky.launch', 'sky.start'];

export interface RequestFacts {
  /** Such as `sky.launch`. */
  readonly name: string;
  readonly cluster: string | null;
  readonly body: Record<string, unknown>;
}

export class SkyRequest extends EventEmitter<{ change: [] }> {
  readonly id = randomUUID();
  readonly facts: RequestFacts;
  readonly cancellation = new AbortController();
  status: RequestStatus = 'PENDING';
  log = '';
  #returnValue: unknown = null;
  #error: SkyError | undefined;
  readonly #createdAt = Date.now() / 1000;
  #finishedAt: number | null = null;

  constructor(facts: RequestFacts) {
    super();
    this.setMaxListeners(0);
    this.facts = facts;
  }

  get isFinished(): boolean {
    return this.status !== 'PENDING' && this.status !== 'RUNNING';
  }

  get isFailed(): boolean {
    return this.status === 'FAILED';
  }

  /** Adds to what a stream of it tells. */
  readonly tell = (text: string): void => {
    this.log += text;
    this.emit('change');
  };

  begin(): void {
    if (!this.isFinished) this.status = 'RUNNING';
    this.emit('change');
  }

  succeed(returnValue: unknown): void {
    this.#returnValue = returnValue;
    this.#finish('SUCCEEDED');
  }

  fail(error: SkyError): void {
    this.#error = error;
    this.#finish('FAILED');
  }

  cancel(): void {
    if (this.isFinished) return;
    this.tell(`'${this.facts.name}' request ${this.id} cancelled\n`);
    this.#finish('CANCELLED');
    this.cancellation.abort();
  }

  /** Waits until it has ended, or told more than `length` characters. */
  async moved(length: number, signal: AbortSignal): Promise<void> {
    while (!this.isFinished && this.log.length <= length) await once(this, 'change', { signal });
  }

  /** As `GET /api/get` tells it. */
  payload(): Record<string, unknown> {
    const error = this.#error && { object: PICKLE, type: this.#error.type, message: this.#error.message };
    return {
      ...this.#head(PICKLE, PICKLE),
      return_value: JSON.stringify(this.#returnValue),
      error: JSON.stringify(error ?? null),
      ...this.#tail(4711, null),
    };
  }

  /** As a row of `GET /api/status`. */
  row(): Record<string, unknown> {
    const entrypoint = ENTRYPOINTS[this.facts.name] ?? this.facts.name.replace(/^sky\./, '');
    return {
      ...this.#head(entrypoint, JSON.stringify(this.facts.body)),
      return_value: 'null',
      error: 'null',
      ...this.#tail(null, USER.name),
    };
  }

  #head(entrypoint: string, body: string): Record<string, unknown> {
    return {
      request_id: this.id,
      name: this.facts.name,
      entrypoint,
      request_body: body,
      status: this.status,
      created_at: this.#createdAt,
      user_id: USER.hash,
    };
  }

  #tail(pid: number | null, userName: string | null): Record<string, unknown> {
    return {
      pid,
      schedule_type: LONG.includes(this.facts.name) ? 'long' : 'short',
      user_name: userName,
      cluster_name: this.facts.cluster,
      status_msg: null,
      should_retry: false,
      finished_at: this.#finishedAt,
      file_mounts_blob_id: null,
    };
  }

  #finish(status: RequestStatus): void {
    if (this.isFinished) return;
    this.#finishedAt = Date.now() / 1000;
    this.status = status;
    this.emit('change');
  }
}
