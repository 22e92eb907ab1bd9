/** Why nobody could join, for {@link sentenceOf}. */
import { t } from './language.ts';
import type { Sentences } from './sentence.ts';

export const JOIN_SENTENCES: Sentences = {
  INVALID_INPUT: () => t('A name has 1 to 64 characters, on one line.'),
  NOT_FOUND: () => t('No workshop has this join code. Check it, or ask your teacher for it.'),
  NO_SEATS: () => t('Every seat of this workshop is taken. Ask your teacher for another.'),
  NOT_RUNNING: () => t('The workshop does not run now. Ask your teacher.'),
  SLOW_DOWN: () => t('Too many wrong codes came from your address.'),
  UNAVAILABLE: () => t('The workshop is not ready yet. Try again in a moment.'),
};
