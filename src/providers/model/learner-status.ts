/** How a learner stands with a workshop that they have joined, and what using the seat then fails with. Pure. */
import { isOver, learnerSentence, type LearnerStatus } from '../../client/learner/learner-status.ts';
import { UnauthorizedError, UnavailableError } from '../../protocol/errors.ts';
import { withNextStep } from './problem.ts';
import type { Translate } from '../../client/translate.ts';

export {
  certificateTrouble,
  isOver,
  learnerChange,
  learnerSentence,
  tokenEnd,
  type LearnerChange,
  type LearnerKind,
  type LearnerStatus,
} from '../../client/learner/learner-status.ts';

/** What an attempt to use the seat fails with; undefined where it may be tried. */
export function learnerProblem(status: LearnerStatus, workshop: string, now: number, t: Translate): Error | undefined {
  const sentence = learnerSentence(status, workshop, now, t);
  if (sentence === undefined || !isOver(status)) return undefined;
  return status.kind === 'gone'
    ? new UnavailableError(sentence, withNextStep('showLog'))
    : new UnauthorizedError(sentence, withNextStep('join'));
}
