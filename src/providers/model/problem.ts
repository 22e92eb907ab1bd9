/** What a person is told of an error, and what they can do next. Pure. */
import { CarapaceError, type ErrorCode } from '../../protocol/errors.ts';
import type { Translate } from './translate.ts';

/** What the button under an error does. */
export const NEXT_STEPS = ['retry', 'connect', 'create', 'start', 'showLog', 'openSettings'] as const;
export type NextStep = (typeof NEXT_STEPS)[number];

const NEXT_STEP: Partial<Record<ErrorCode, NextStep>> = {
  INVALID_INPUT: 'retry',
  UNAUTHORIZED: 'connect',
  NOT_RUNNING: 'start',
  UNAVAILABLE: 'connect',
  TIMED_OUT: 'showLog',
  SLOW_DOWN: 'retry',
  NO_CAPACITY: 'retry',
};

/** One line, whatever the error carries behind it; the log has the whole. */
export function problemSentence(error: unknown, t: Translate): string {
  if (!(error instanceof CarapaceError)) return t('Something went wrong inside Carapace. The log has the details.');
  const [line = ''] = error.message.split('\n');
  return line.replace(/:\s*$/, '.');
}

/** Details for an error of our own that name what to do next. */
export function withNextStep(next: NextStep): { readonly next: NextStep } {
  return { next };
}

/** The next steps for an error, the likeliest first. The log is always one of them. */
export function nextSteps(error: unknown): readonly NextStep[] {
  if (!(error instanceof CarapaceError)) return ['showLog'];
  const first = NEXT_STEPS.find((step) => step === error.details?.['next']) ?? NEXT_STEP[error.code];
  return first === undefined || first === 'showLog' ? ['showLog'] : [first, 'showLog'];
}
