/** What a person is told of an error, and what they can do next. Pure. */
import { CarapaceError, type ErrorCode } from '../../protocol/errors.ts';
import type { Translate } from '../../client/translate.ts';

/** What the button under an error does. */
export const NEXT_STEPS = [
  'retry',
  'connect',
  'create',
  'join',
  'start',
  'install',
  'checkAgain',
  'destroyServer',
  'startServer',
  'launchServer',
  'syncVaults',
  'showLog',
  'openSettings',
] as const;
export type NextStep = (typeof NEXT_STEPS)[number];

const NEXT_STEP: Partial<Record<ErrorCode, NextStep>> = {
  INVALID_INPUT: 'retry',
  UNAUTHORIZED: 'connect',
  SKY_NOT_INSTALLED: 'install',
  NO_CREDENTIALS: 'checkAgain',
  NOT_RUNNING: 'start',
  UNAVAILABLE: 'connect',
  TIMED_OUT: 'showLog',
  SLOW_DOWN: 'retry',
  NO_CAPACITY: 'retry',
};

/** One line, whatever the error carries behind it; the log has the whole. */
export function problemSentence(error: unknown, t: Translate): string {
  if (!(error instanceof CarapaceError)) return t('Something went wrong inside Carapace. The log has the details.');
  // Each cloud has its reason, and clouds answer in several lines.
  const told = error.code === 'NO_CREDENTIALS' ? error.message.replace(/\s+/g, ' ') : error.message;
  const [line = ''] = told.split('\n');
  return line.replace(/:\s*$/, '.');
}

/** Details for an error of our own that name what to do next. @param setting the one to open, whole: `carapace.…` */
export function withNextStep(next: NextStep, setting?: string): { readonly next: NextStep; readonly setting?: string } {
  return setting === undefined ? { next } : { next, setting };
}

/** The setting that an error is about; undefined where it names none. */
export function settingOf(error: unknown): string | undefined {
  const setting = error instanceof CarapaceError ? error.details?.['setting'] : undefined;
  return typeof setting === 'string' ? setting : undefined;
}

/** The next steps for an error, the likeliest first. The log is always one of them. */
export function nextSteps(error: unknown): readonly NextStep[] {
  if (!(error instanceof CarapaceError)) return ['showLog'];
  const first = NEXT_STEPS.find((step) => step === error.details?.['next']) ?? NEXT_STEP[error.code];
  return first === undefined || first === 'showLog' ? ['showLog'] : [first, 'showLog'];
}
