/** Asks for what a new workshop needs: its name, its seats, and where it runs. Enter all the way through is fine. */
import type * as vscode from 'vscode';
import type { CreateWorkshop } from '../../protocol/workshop.ts';
import { createRequest, DEFAULT_SEATS, refuseName, refuseSeats, type CreateDefaults } from '../model/create-form.ts';
import { askChoice, askText, type Answer } from './steps.ts';

type Vs = Pick<typeof vscode, 'l10n' | 'window' | 'QuickInputButtons'>;

/** The answers in the order of the questions. */
interface Answers {
  name: string;
  seats: string;
}

const TOTAL_STEPS = 3;

/** @returns undefined where the person gave up */
export async function askForWorkshop(vs: Vs, defaults: CreateDefaults): Promise<CreateWorkshop | undefined> {
  const answers: Answers = { name: '', seats: String(DEFAULT_SEATS) };
  const questions: (() => Promise<Answer<unknown>>)[] = [
    async () => keep(await askName(vs, answers.name), (name) => (answers.name = name)),
    async () => keep(await askSeats(vs, answers.seats), (seats) => (answers.seats = seats)),
    () => askPlace(vs, defaults),
  ];
  let step = 0;
  for (let question = questions[0]; question !== undefined; question = questions[step]) {
    const { kind } = await question();
    if (kind === 'cancelled') return undefined;
    step += kind === 'back' ? -1 : 1;
  }
  return createRequest({ ...answers, ...defaults });
}

function keep<T>(answer: Answer<T>, store: (value: T) => void): Answer<T> {
  if (answer.kind === 'answer') store(answer.value);
  return answer;
}

function place(vs: Vs, step: number): { title: string; step: number; totalSteps: number } {
  return { title: vs.l10n.t('Create a Workshop'), step, totalSteps: TOTAL_STEPS };
}

function askName(vs: Vs, value: string): Promise<Answer<string>> {
  return askText(vs, {
    ...place(vs, 1),
    prompt: vs.l10n.t('What is the workshop called?'),
    placeholder: vs.l10n.t('Without a name it is called by its join code'),
    value,
    refuse: refuseName,
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

function askPlace(vs: Vs, { runtime }: CreateDefaults): Promise<Answer<unknown>> {
  const t = vs.l10n.t;
  const detail =
    runtime === 'process'
      ? t('Plain processes of your account, without isolation. Only this machine can use them.')
      : t('Without isolation, unless this machine can do better; the tree says which.');
  return askChoice(vs, {
    ...place(vs, 3),
    placeholder: t('Where do the seats run?'),
    items: [{ label: `$(device-desktop) ${t('This machine')}`, description: t('costs nothing'), detail }],
  });
}
