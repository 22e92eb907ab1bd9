/** Why a seat did not do something with a file, for {@link sentenceOf}. */
import { t } from '../language.ts';
import type { Sentences } from '../sentence.ts';

export const FILE_SENTENCES: Sentences = {
  UNAUTHORIZED: () => t('The seat does not let you in any more. Reload the page.'),
  FORBIDDEN: () => t('It must not be read or changed.'),
  NOT_FOUND: () => t('It is not there any more, or the seat does not run.'),
  CONFLICT: () => t('Something of that name is there already, or it is of another kind.'),
  CHANGED: () => t('Something of that name is there already, or it was changed meanwhile.'),
  TOO_LARGE: () => t('It is too large.'),
  UNAVAILABLE: () => t('The seat cannot be reached now. Try again in a moment.'),
  DISK_FULL: () => t('The disk of this seat is full: nothing was written. Delete something first.'),
};
