/** What seats of this machine can be, as it is now. */
import type { RuntimesAnswer } from '../../../protocol/runtimes.ts';
import type { Runtime, SeatRuntime } from '../../../protocol/workshop.ts';
import { lookAtMachine } from './machine-facts.ts';
import { chooseRuntime, reportRuntimes } from './runtimes.ts';

/** How long looking may take: a trial of KVM is in it. */
const LOOK_MS = 20_000;

/** What seats become for what was asked for. @throws UnavailableError naming what is missing */
export type RuntimeChoice = (asked: Runtime) => Promise<SeatRuntime>;

export const chooseLocalRuntime: RuntimeChoice = async (asked) => {
  if (asked === 'process') return asked;
  return chooseRuntime(asked, await lookAtMachine(AbortSignal.timeout(LOOK_MS)));
};

/** What each runtime lacks here. */
export async function reportLocalRuntimes(): Promise<RuntimesAnswer> {
  return reportRuntimes(await lookAtMachine(AbortSignal.timeout(LOOK_MS)));
}
