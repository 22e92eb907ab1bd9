/** What a person is told of an error. */
import { CarapaceError } from '../protocol/errors.ts';

/** One sentence; of an error that is not ours, its cause in short. */
export function sentenceOf(error: unknown): string {
  if (error instanceof CarapaceError) return error.message;
  return `Something went wrong in this page: ${error instanceof Error ? error.message : String(error)}.`;
}

/** How long to wait after this error before trying again, in seconds; undefined where it does not say. */
export function retryAfterSeconds(error: unknown): number | undefined {
  const seconds = error instanceof CarapaceError ? error.details?.['retry_after_seconds'] : undefined;
  return typeof seconds === 'number' && seconds > 0 ? Math.ceil(seconds) : undefined;
}
