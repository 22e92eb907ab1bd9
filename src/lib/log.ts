/** JSON logs of the services, without secrets. */
import pino, { type DestinationStream, type Logger } from 'pino';
import { BoundedOutput } from './bounded-output.ts';
import { currentOperationId } from './request-id.ts';

/** Places where a token may stand in what somebody logs; a second line of defence, nobody means to log them. */
const SECRET_FIELDS = ['authorization', 'cookie', 'set-cookie', 'sec-websocket-protocol', 'token', 'secret'];

/** The lines that wait while nothing can be written, in bytes; later ones are lost. */
const MAX_WAITING_BYTES = 1_048_576;

/** At the top of a log line, one level down and two. */
function secretPaths(): string[] {
  return SECRET_FIELDS.flatMap((field) => ['', '*', '*.*'].map((above) => `${above}["${field}"]`));
}

/** What a log tells of an error: never its other fields, one of which may be the raw bytes of a request. */
function errorForLog(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : undefined;
  const cause = error.cause === undefined ? undefined : errorForLog(error.cause);
  return { type: error.name, message: error.message, code, stack: error.stack, cause };
}

/**
 * A log of JSON lines with ISO times.
 * @param name the program, in each line
 * @param level the least that is written; default `info`
 * @param destination default the standard output, which is kept from growing without end where it is a file
 */
export function createLog(name: string, level = 'info', destination?: DestinationStream): Logger {
  const options = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorForLog },
    // What is done for an operation says so, whoever does it.
    mixin: () => {
      const operationId = currentOperationId();
      return operationId === undefined ? {} : { operation_id: operationId };
    },
    redact: { paths: secretPaths(), censor: '[redacted]' },
  };
  return pino(options, destination ?? new BoundedOutput(process.stdout.fd, standardOutput()));
}

/** A log that cannot be written, on a full disk above all, ends no service: its lines wait for a later one. */
function standardOutput(): ReturnType<typeof pino.destination> {
  const output = pino.destination({ fd: process.stdout.fd, sync: true, maxLength: MAX_WAITING_BYTES });
  output.on('error', () => undefined);
  return output;
}

/** The path of a request's target: queries stay out of logs. */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
