/** What the OpenAPI documents say of a call beyond the schemas that its route checks. */
import type { ZodMiniType } from 'zod/mini';
import type { $ZodType } from 'zod/v4/core';

/** An answer by media type; null where it has no body. */
export interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, $ZodType>> | null;
}

export interface OperationNote {
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  readonly description?: string;
  /** It takes no token. */
  readonly open?: true;
  /** Statuses of refusals that only this call has, beside those of every call. */
  readonly refusals?: readonly number[];
  /** Answers that the route itself has no schema for, by status. */
  readonly answers?: Readonly<Record<number, Answer>>;
  readonly headers?: ZodMiniType;
  readonly querystring?: ZodMiniType;
  readonly params?: ZodMiniType;
  readonly body?: ZodMiniType;
  /** The media type of the body, where it is not JSON. */
  readonly consumes?: string;
  /** Further media types of the body, each with the name of its component. */
  readonly alsoConsumes?: Readonly<Record<string, string>>;
  /** Of a stream of events: the name of the component that the data of each frame is, as JSON. */
  readonly frames?: string;
  /** The body may be left out. */
  readonly optionalBody?: true;
}

/** Notes by method and path as the route has it, such as `GET /api/workshops/:id`. */
export type OperationNotes = Readonly<Record<string, OperationNote>>;

/** A route as it was added to a service. */
export interface RecordedRoute {
  readonly method: string;
  readonly url: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export function keyOfRoute({ method, url }: Pick<RecordedRoute, 'method' | 'url'>): string {
  return `${method} ${url}`;
}
