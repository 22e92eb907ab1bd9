/** What a person is told of an error of the terminal. */
import type { CarapaceError } from '../../protocol/errors.ts';
import { t } from '../language.ts';
import { inLanguage, type Sentences } from '../sentence.ts';

const SENTENCES: Sentences = {
  UNAUTHORIZED: () => t('The seat does not let you in any more. Reload the page.'),
  NOT_FOUND: () => t('The shell has ended meanwhile.'),
  CONFLICT: () => t('This terminal was taken over by another connection. Open it again to take it back.'),
  TOO_LARGE: () => t('Too much input waits for the seat, and the last was not taken.'),
  UNAVAILABLE: () => t('The connection to the seat was lost.'),
};

/** What has ended it, or why it did not take what was typed. */
export function terminalSentence(error: CarapaceError): string {
  return inLanguage(error, SENTENCES);
}
