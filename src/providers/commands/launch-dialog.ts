/** Asks for what a new server needs: cloud, region, size, Spot or not. Enter all the way through is fine. */
import type * as vscode from 'vscode';
import type { LaunchCluster, Offer } from '../../protocol/cluster.ts';
import {
  chosenWish,
  choicesOf,
  cloudChoices,
  regionChoices,
  sizeChoices,
  spotChoices,
  type LaunchChoice,
  type LaunchChoices,
} from '../model/launch-form.ts';
import { askChoice, type Answer } from './steps.ts';

type Vs = Pick<typeof vscode, 'l10n' | 'window' | 'QuickInputButtons'>;

const TOTAL_STEPS = 4;

export interface LaunchDialogOptions {
  readonly wish: LaunchCluster;
  readonly clouds: readonly string[];
  /** What that cloud offers, the cheapest first; null asks for all clouds. */
  readonly offers: (cloud: string | null) => Promise<readonly Offer[]>;
}

/** @returns undefined where the person gave up */
export async function askForServer(vs: Vs, options: LaunchDialogOptions): Promise<LaunchCluster | undefined> {
  let choices: LaunchChoices = spelledAs(options.clouds, choicesOf(options.wish));
  const take =
    <T>(change: (value: T) => Partial<LaunchChoices>) =>
    (answer: Answer<LaunchChoice<T>>): Answer<unknown> => {
      if (answer.kind === 'answer') choices = { ...choices, ...change(answer.value.value) };
      return answer;
    };
  const questions: (() => Promise<Answer<unknown>>)[] = [
    async () => askCloud(vs, options, choices).then(take((cloud) => withCloud(choices, cloud))),
    async () => askRegion(vs, options, choices).then(take((region) => ({ region }))),
    async () => askSize(vs, options, choices).then(take((instanceType) => ({ instanceType }))),
    async () => askSpot(vs, options, choices).then(take((useSpot) => ({ useSpot }))),
  ];
  let step = 0;
  let direction = 1;
  for (let question = questions[0]; question !== undefined; question = questions[step]) {
    // Without a cloud there is no region to choose.
    if (step === 1 && choices.cloud === null) {
      step += direction;
      continue;
    }
    const { kind } = await question();
    if (kind === 'cancelled') return undefined;
    direction = kind === 'back' ? -1 : 1;
    step += direction;
  }
  return chosenWish(options.wish, choices);
}

/** The settings may say "aws" for what SkyPilot calls AWS. */
function spelledAs(clouds: readonly string[], choices: LaunchChoices): LaunchChoices {
  const known = clouds.find((cloud) => cloud.toLowerCase() === choices.cloud?.toLowerCase());
  return known === undefined ? choices : { ...choices, cloud: known };
}

/** A region and a size belong to their cloud. */
function withCloud(choices: LaunchChoices, cloud: string | null): Partial<LaunchChoices> {
  return cloud === choices.cloud ? {} : { cloud, region: null, instanceType: null };
}

function place(vs: Vs, step: number): { title: string; step: number; totalSteps: number } {
  return { title: vs.l10n.t('Launch Server'), step, totalSteps: TOTAL_STEPS };
}

/** The choice that Enter takes is the one that is made already. */
function asked<T>(vs: Vs, step: number, placeholder: string, items: LaunchChoice<T>[], chosen: T) {
  const active = items.find(({ value }) => value === chosen) ?? items[0];
  return askChoice(vs, { ...place(vs, step), placeholder, items, active });
}

async function askCloud(vs: Vs, { clouds, offers }: LaunchDialogOptions, { cloud }: LaunchChoices) {
  const t = vs.l10n.t;
  return asked(vs, 1, t('Which cloud?'), cloudChoices(clouds, await offers(null), t), cloud);
}

async function askRegion(vs: Vs, { offers }: LaunchDialogOptions, { cloud, region }: LaunchChoices) {
  const t = vs.l10n.t;
  return asked(vs, 2, t('Which region?'), regionChoices(await offers(cloud), cloud ?? '', t), region);
}

async function askSize(vs: Vs, { wish, offers }: LaunchDialogOptions, choices: LaunchChoices) {
  const t = vs.l10n.t;
  const items = sizeChoices(await offers(choices.cloud), choices, wish, t);
  return asked(vs, 3, t('Which size?'), items, choices.instanceType);
}

async function askSpot(vs: Vs, { offers }: LaunchDialogOptions, choices: LaunchChoices) {
  const t = vs.l10n.t;
  const items = spotChoices(await offers(choices.cloud), choices, t);
  return asked(vs, 4, t('Kept, or cheaper and taken away at times?'), items, choices.useSpot);
}
