/** Asks for what a new workshop needs: its name, its seats, and where it runs. Enter all the way through is fine. */
import type * as vscode from 'vscode';
import type { RuntimesAnswer } from '../../protocol/runtimes.ts';
import type { CreateWorkshop, Runtime } from '../../protocol/workshop.ts';
import {
  createRequest,
  DEFAULT_SEATS,
  refuseName,
  refuseSeats,
  runtimeChoices,
  type CreateDefaults,
  type RuntimeChoice,
} from '../model/create-form.ts';
import { askChoice, askText, type Answer } from './steps.ts';

type Vs = Pick<typeof vscode, 'l10n' | 'window' | 'QuickInputButtons'>;

/** The answers in the order of the questions. */
interface Answers {
  name: string;
  seats: string;
  runtime: Runtime;
}

const TOTAL_STEPS = 3;

export interface CreateDialogOptions {
  readonly defaults: CreateDefaults;
  /** What seats can be; undefined where that cannot be told (now). */
  readonly runtimes: () => Promise<RuntimesAnswer | undefined>;
}

/** @returns undefined where the person gave up */
export async function askForWorkshop(vs: Vs, options: CreateDialogOptions): Promise<CreateWorkshop | undefined> {
  const { defaults } = options;
  const answers: Answers = { name: '', seats: String(DEFAULT_SEATS), runtime: defaults.runtime };
  let runtimes: Promise<RuntimesAnswer | undefined> | undefined;
  const questions: (() => Promise<Answer<unknown>>)[] = [
    async () => keep(await askName(vs, answers.name), (name) => (answers.name = name)),
    async () => {
      // While the person thinks about seats.
      runtimes ??= options.runtimes();
      return keep(await askSeats(vs, answers.seats), (seats) => (answers.seats = seats));
    },
    async () => {
      const known = await runtimes;
      return keep(await askRuntime(vs, known, answers.runtime), ({ value }) => (answers.runtime = value));
    },
  ];
  let step = 0;
  for (let question = questions[0]; question !== undefined; question = questions[step]) {
    const { kind } = await question();
    if (kind === 'cancelled') return undefined;
    step += kind === 'back' ? -1 : 1;
  }
  return createRequest({ ...defaults, ...answers });
}

function keep<T>(answer: Answer<T>, store: (value: T) => void): Answer<T> {
  if (answer.kind === 'answer') store(answer.value);
  return answer;
}

function place(vs: Vs, step: number): { title: string; step: number; totalSteps: number } {
  return { title: vs.l10n.t('Create a Workshop'), step, totalSteps: TOTAL_STEPS };
}

function askName(vs: Vs, value: string): Promise<Answer<string>> {
  const t = vs.l10n.t;
  return askText(vs, {
    ...place(vs, 1),
    prompt: t('What is the workshop called?'),
    placeholder: t('Without a name it is called by its join code'),
    value,
    refuse: (text) => refuseName(text, t),
  });
}

function askSeats(vs: Vs, value: string): Promise<Answer<string>> {
  const t = vs.l10n.t;
  return askText(vs, {
    ...place(vs, 2),
    prompt: t('How many seats? Each learner takes one.'),
    value,
    refuse: (text) => refuseSeats(text, t),
  });
}

function askRuntime(vs: Vs, known: RuntimesAnswer | undefined, chosen: Runtime): Promise<Answer<RuntimeChoice>> {
  const items = runtimeChoices(known, chosen, vs.l10n.t);
  return askChoice(vs, {
    ...place(vs, 3),
    placeholder: vs.l10n.t('Where do the seats run?'),
    items,
    active: items.find(({ value }) => value === chosen),
  });
}
