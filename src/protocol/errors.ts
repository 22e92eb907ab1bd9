/**
 * The errors that cross a process boundary: one closed list of codes, one class per code, one JSON form.
 *
 * Every process makes these at its edge and sends them as `{"error":{code,message,details?,request_id}}`. A message is a
 * sentence for a person: what failed, why, and what to do.
 */
import en from 'zod/v4/locales/en.js';
import * as z from 'zod/mini';

// zod/mini carries no messages of its own.
z.config(en());

/** Every error code with the HTTP status that carries it. */
export const ERROR_STATUS = {
  INVALID_INPUT: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  ALREADY_RUNNING: 409,
  NOT_RUNNING: 409,
  NO_SEATS: 409,
  CHANGED: 412,
  TOO_LARGE: 413,
  SKY_NOT_INSTALLED: 424,
  NO_CREDENTIALS: 424,
  SLOW_DOWN: 429,
  INTERNAL: 500,
  NO_CAPACITY: 503,
  UNAVAILABLE: 503,
  TIMED_OUT: 504,
  DISK_FULL: 507,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

const errorCodes = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];

/** Further facts about an error for programs, such as the path of the field that was refused. */
export type ErrorDetails = Record<string, unknown>;

/** The inner object of an error answer; also how an operation and an event tell their error. */
export const errorInfoSchema = z.object({
  code: z.enum(errorCodes),
  message: z.string(),
  details: z.optional(z.record(z.string(), z.unknown())),
  request_id: z.optional(z.string()),
});
export type ErrorInfo = z.infer<typeof errorInfoSchema>;

export const errorBodySchema = z.object({ error: errorInfoSchema });
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** What the agents of already deployed ClaraTeach workers answer instead. */
const claraTeachErrorSchema = z.object({ error: z.string(), code: z.optional(z.string()) });

/** Base of all typed errors. Not made directly: each cause has its class below. */
export abstract class CarapaceError extends Error {
  abstract readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;
  /** The request that failed, as the answering process named it. */
  requestId: string | undefined;

  constructor(message: string, details?: ErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.details = details;
    this.name = new.target.name;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** A field is missing, unknown, malformed or out of bounds; `details.path` names it. */
export class InvalidInputError extends CarapaceError {
  readonly code = 'INVALID_INPUT';
}
/** No token, or one that is not valid any more. */
export class UnauthorizedError extends CarapaceError {
  readonly code = 'UNAUTHORIZED';
}
/** A valid token for something else, or a path outside the workspace. */
export class ForbiddenError extends CarapaceError {
  readonly code = 'FORBIDDEN';
}
export class NotFoundError extends CarapaceError {
  readonly code = 'NOT_FOUND';
}
/** The resource is in a state that does not permit the request, or exists already. */
export class ConflictError extends CarapaceError {
  readonly code = 'CONFLICT';
}
export class AlreadyRunningError extends CarapaceError {
  readonly code = 'ALREADY_RUNNING';
}
export class NotRunningError extends CarapaceError {
  readonly code = 'NOT_RUNNING';
}
/** Every seat of the workshop is taken. */
export class NoSeatsError extends CarapaceError {
  readonly code = 'NO_SEATS';
}
/** A conditional write found another version than the one it was made from. */
export class ChangedError extends CarapaceError {
  readonly code = 'CHANGED';
}
export class TooLargeError extends CarapaceError {
  readonly code = 'TOO_LARGE';
}
export class SkyNotInstalledError extends CarapaceError {
  readonly code = 'SKY_NOT_INSTALLED';
}
export class NoCredentialsError extends CarapaceError {
  readonly code = 'NO_CREDENTIALS';
}
/** Too many failures from one address; `details.retry_after_seconds` says how long to wait. */
export class SlowDownError extends CarapaceError {
  readonly code = 'SLOW_DOWN';
}
/** A defect of ours; the log has the cause under the request's id. */
export class InternalError extends CarapaceError {
  readonly code = 'INTERNAL';
}
export class NoCapacityError extends CarapaceError {
  readonly code = 'NO_CAPACITY';
}
/** The other process cannot be reached or is not ready. */
export class UnavailableError extends CarapaceError {
  readonly code = 'UNAVAILABLE';
}
/** A phase passed its deadline. */
export class TimedOutError extends CarapaceError {
  readonly code = 'TIMED_OUT';
}
export class DiskFullError extends CarapaceError {
  readonly code = 'DISK_FULL';
}

type ErrorClass = new (message: string, details?: ErrorDetails, options?: ErrorOptions) => CarapaceError;

const ERROR_CLASS: Record<ErrorCode, ErrorClass> = {
  INVALID_INPUT: InvalidInputError,
  UNAUTHORIZED: UnauthorizedError,
  FORBIDDEN: ForbiddenError,
  NOT_FOUND: NotFoundError,
  CONFLICT: ConflictError,
  ALREADY_RUNNING: AlreadyRunningError,
  NOT_RUNNING: NotRunningError,
  NO_SEATS: NoSeatsError,
  CHANGED: ChangedError,
  TOO_LARGE: TooLargeError,
  SKY_NOT_INSTALLED: SkyNotInstalledError,
  NO_CREDENTIALS: NoCredentialsError,
  SLOW_DOWN: SlowDownError,
  INTERNAL: InternalError,
  NO_CAPACITY: NoCapacityError,
  UNAVAILABLE: UnavailableError,
  TIMED_OUT: TimedOutError,
  DISK_FULL: DiskFullError,
};

/** The code for an HTTP status of which nothing else is known. */
function codeOfStatus(status: number): ErrorCode {
  const known = errorCodes.find((code) => ERROR_STATUS[code] === status);
  if (known !== undefined) return known;
  return status >= 500 ? 'INTERNAL' : 'INVALID_INPUT';
}

/** The typed error for what another process told. */
export function errorFromInfo(info: ErrorInfo): CarapaceError {
  const error = new ERROR_CLASS[info.code](info.message, info.details);
  error.requestId = info.request_id;
  return error;
}

/** How an error is told to another process. An error that is not ours says nothing of its inside. */
export function infoFromError(error: unknown, requestId?: string): ErrorInfo {
  const ours = error instanceof CarapaceError ? error : undefined;
  return {
    code: ours?.code ?? 'INTERNAL',
    message: ours?.message ?? 'Something went wrong inside Carapace. The log has the details.',
    ...(ours?.details && { details: ours.details }),
    ...(requestId !== undefined && { request_id: requestId }),
  };
}

/**
 * The typed error for a refused HTTP request. Understands our form and the one of ClaraTeach's agents; anything else
 * is judged by its status alone.
 */
export function errorFromAnswer(status: number, body: unknown): CarapaceError {
  const ours = errorBodySchema.safeParse(body);
  if (ours.success) return errorFromInfo(ours.data.error);
  const theirs = claraTeachErrorSchema.safeParse(body);
  const code = codeOfStatus(status);
  if (!theirs.success) return new ERROR_CLASS[code](`The server answered with HTTP status ${status}.`);
  return new ERROR_CLASS[code](theirs.data.error, theirs.data.code ? { code: theirs.data.code } : undefined);
}

/** Parses data from outside. @throws InvalidInputError naming the first refused field. */
export function parseInput<T extends z.ZodMiniType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw invalidInput(result.error.issues);
}

/** The field that an issue is about; an unknown field is named itself. */
function issuePath(issue: z.core.$ZodIssue): string {
  const [unknownKey] = issue.code === 'unrecognized_keys' ? issue.keys : [];
  return [...issue.path, ...(unknownKey === undefined ? [] : [unknownKey])].join('.');
}

/** The error for a list of zod issues; the first one is told, all are in the details. */
export function invalidInput(issues: readonly z.core.$ZodIssue[]): InvalidInputError {
  const told = issues.map((issue) => ({ path: issuePath(issue), message: issue.message }));
  const { path, message } = told[0] ?? { path: '', message: 'it is malformed' };
  const what = path === '' ? 'The request is not valid' : `"${path}" is not valid`;
  return new InvalidInputError(`${what}: ${message}.`, { path, issues: told });
}
