/** How a command ends: exit codes, and what is said. */
import { CarapaceError, infoFromError, type ErrorBody, type ErrorCode } from '../protocol/errors.ts';
import { writeLine, type Output } from './io.ts';

/** The exit codes of the command line. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  noCapacity: 5,
  interrupted: 130,
} as const;

/** Ctrl-C. Not an error: what was started goes on. */
export class Interrupted extends Error {}

const EXIT_OF_ERROR: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  CONFLICT: EXIT.conflict,
  ALREADY_RUNNING: EXIT.conflict,
  NOT_RUNNING: EXIT.conflict,
  NO_SEATS: EXIT.conflict,
  CHANGED: EXIT.conflict,
  NO_CAPACITY: EXIT.noCapacity,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted;
  return error instanceof CarapaceError ? (EXIT_OF_ERROR[error.code] ?? EXIT.failed) : EXIT.failed;
}

/** Says what failed: a sentence for a person, or the API's JSON. */
export async function tellFailure(stderr: Output, error: unknown, json: boolean): Promise<void> {
  if (error instanceof Interrupted) {
    if (error.message !== '') await writeLine(stderr, error.message);
    return;
  }
  if (json) {
    const body: ErrorBody = { error: { ...infoFromError(error, requestIdOf(error)), message: messageOf(error) } };
    await writeLine(stderr, JSON.stringify(body));
    return;
  }
  const requestId = requestIdOf(error);
  const request = requestId === undefined ? '' : ` (request ${requestId})`;
  await writeLine(stderr, `carapace: ${messageOf(error)}${request}`);
}

function requestIdOf(error: unknown): string | undefined {
  return error instanceof CarapaceError ? error.requestId : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
