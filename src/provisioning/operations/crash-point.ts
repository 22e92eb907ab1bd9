/** Places where a test can make the control plane die, as if its machine had lost its power there. */

/** `<step>:<before|after>`, with `:<n>` for the n-th time the place is reached, as in `seat.create:after:2`. */
export const CRASH_VARIABLE = 'CARAPACE_CRASH_AT';

export type CrashPoint = (step: string, place: 'before' | 'after') => void;

/** What {@link CRASH_VARIABLE} asks for; nothing where it is not set. */
export function crashPointOf(environment: NodeJS.ProcessEnv): CrashPoint {
  const [step, place, count = '1'] = (environment[CRASH_VARIABLE] ?? '').split(':');
  let left = Number(count);
  return (reachedStep, reachedPlace) => {
    if (reachedStep !== step || reachedPlace !== place) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
