/** What a person is told of an error. */
import { CarapaceError, type ErrorCode } from '../protocol/errors.ts';
import { isEnglish, t } from './language.ts';

/** Sentences by the codes of errors. */
export type Sentences = Partial<Record<ErrorCode, () => string>>;

/**
 * One sentence; of an error that is not ours, its cause in short.
 * @param others what to say instead of what a server or seat has told, where the reader's language is not theirs
 */
export function sentenceOf(error: unknown, others: Sentences = {}): string {
  if (!(error instanceof CarapaceError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return t('Something went wrong in this page: {0}.', reason);
  }
  // What the page itself says is in the reader's language; what was told names the request that it answers.
  return error.requestId === undefined ? error.message : inLanguage(error, others);
}

/** Programs speak English, and say more than a code does: in English, and where there is no other sentence, as they say it. */
export function inLanguage(error: CarapaceError, others: Sentences): string {
  return (isEnglish() ? undefined : others[error.code]?.()) ?? error.message;
}

/** How long to wait after this error before trying again, in seconds; undefined where it does not say. */
export function retryAfterSeconds(error: unknown): number | undefined {
  const seconds = error instanceof CarapaceError ? error.details?.['retry_after_seconds'] : undefined;
  return typeof seconds === 'number' && seconds > 0 ? Math.ceil(seconds) : undefined;
}
