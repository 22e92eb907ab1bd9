/** The answers that a new workshop is made from, checked by the schemas of the protocol. Pure. */
import { nameSchema, SEATS, seatCountSchema } from '../../protocol/names.ts';
import type { Missing, RuntimesAnswer } from '../../protocol/runtimes.ts';
import { runtimeText } from '../../lib/runtime-text.ts';
import type { CreateWorkshop, Provider, Runtime } from '../../protocol/workshop.ts';
import type { Translate } from '../../client/translate.ts';

export const DEFAULT_SEATS = 3;

/** Why a name cannot be taken; undefined where it can. No name is a name: the workshop is called by its code. */
export function refuseName(text: string, t: Translate): string | undefined {
  if (text.trim() === '' || nameSchema.safeParse(text).success) return undefined;
  return t('A name has 1 to 64 characters, on one line.');
}

/** Why a number of seats cannot be taken; undefined where it can. */
export function refuseSeats(text: string, t: Translate): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return t('How many seats?');
  if (/^\d+$/.test(trimmed) && seatCountSchema.safeParse(Number(trimmed)).success) return undefined;
  return t('A whole number from {0} to {1}.', SEATS.min, SEATS.max);
}

/** What the settings say about new workshops. */
export interface CreateDefaults {
  readonly provider: Provider;
  readonly runtime: Runtime;
}

export interface CreateAnswers extends CreateDefaults {
  readonly name: string;
  readonly seats: string;
}

/** The request for checked answers. */
export function createRequest({ name, seats, provider, runtime }: CreateAnswers): CreateWorkshop {
  const trimmed = name.trim();
  return { ...(trimmed !== '' && { name: trimmed }), seats: Number(seats.trim()), provider, runtime };
}

/** What seats can be, to choose from. */
export interface RuntimeChoice {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly value: Runtime;
}

/**
 * An honest line for each kind of seats, and what is missing for it. Firecracker is offered where it can be had, or was
 * chosen in the settings. @param known what the control plane's machine can do; undefined where it did not say
 */
export function runtimeChoices(known: RuntimesAnswer | undefined, chosen: Runtime, t: Translate): RuntimeChoice[] {
  const missing = (runtime: Runtime): readonly Missing[] =>
    known?.runtimes.find((report) => report.runtime === runtime)?.missing ?? [];
  const machines = (runtime: 'qemu' | 'firecracker'): RuntimeChoice => ({
    label: `$(vm) ${runtimeText(runtime, undefined, t)}`,
    description: missing(runtime).length === 0 ? t('each seat a machine of its own') : t('not possible here yet'),
    detail: missing(runtime).length === 0 ? MACHINE_DETAIL[runtime](t) : missingText(missing(runtime), t),
    value: runtime,
  });
  const hasFirecracker = known !== undefined && missing('firecracker').length === 0;
  return [
    {
      label: `$(device-desktop) ${t('This machine')}`,
      description: t('costs nothing'),
      detail: autoDetail(known?.auto, missing('qemu'), t),
      value: 'auto',
    },
    ...(hasFirecracker || chosen === 'firecracker' ? [machines('firecracker')] : []),
    machines('qemu'),
    {
      label: `$(terminal) ${t('Processes')}`,
      description: t('no isolation'),
      detail: t('Plain processes of your account. Only this machine can use them.'),
      value: 'process',
    },
  ];
}

const MACHINE_DETAIL: Readonly<Record<'qemu' | 'firecracker', (t: Translate) => string>> = {
  qemu: (t) => t('Seats are kept apart. Slow where the processor does not help (KVM): the first one takes a minute.'),
  firecracker: (t) => t('Seats are kept apart, and start in a moment.'),
};

function autoDetail(auto: Runtime | undefined, missing: readonly Missing[], t: Translate): string {
  if (auto === undefined)
    return t('The best that it has: without isolation, unless it can do better; the tree says which.');
  if (auto !== 'process') return t('The best that it has: {0}.', runtimeText(auto, undefined, t));
  const plain = t('Plain processes of your account, without isolation.');
  return missing.length === 0 ? plain : `${plain} ${t('MicroVMs need: {0}.', missingParts(missing))}`;
}

function missingText(missing: readonly Missing[], t: Translate): string {
  return t('Missing: {0}.', missingParts(missing));
}

function missingParts(missing: readonly Missing[]): string {
  return missing.map(({ what, command }) => (command === null ? what : `${what} (${command})`)).join('; ');
}
