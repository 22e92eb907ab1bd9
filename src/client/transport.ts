/** What the typed calls need of HTTP, as a process or a browser has it. */
import type * as z from 'zod/mini';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * `path` is sent as it is, so it must be encoded already. `json` and `body` exclude each other.
 * @template Body what a request can send, as the platform has it; `never` for none
 */
export interface TransportRequest<Body = never> {
  readonly method: Method;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly body?: Body;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer's head, and for {@link Transport.json} its whole body, has arrived. */
  readonly deadlineMs?: number;
  /** For transfers of any length: instead of a deadline, milliseconds without a byte in either direction. */
  readonly idleMs?: number;
}

/** The headers of an answer, by their names in small letters. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The body of an open answer, in the order of its bytes. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Ends it; whoever reads it gets the error, or an end. */
  destroy(error?: Error): unknown;
}

/** Every call throws the typed errors of src/protocol/errors.ts, or the reason of the request's signal. */
export interface Transport<Body = never> {
  /** Sends a request and parses its JSON answer. */
  json<T extends z.ZodMiniType>(schema: T, request: TransportRequest<Body>): Promise<z.output<T>>;
  /** Sends a request whose answer has no body that matters. */
  send(request: TransportRequest<Body>): Promise<AnswerHeaders>;
  /** Sends a request and reads the bytes of its answer. @throws TooLargeError over `limit` bytes */
  bytes(request: TransportRequest<Body>, limit: number): Promise<{ bytes: Uint8Array; headers: AnswerHeaders }>;
  /** Sends a request and hands over its successful answer; the caller reads or destroys it. */
  open(request: TransportRequest<Body>): Promise<ByteSource>;
}
