/** Runs the QA playbook on a world: brings the server to where a scenario begins, does its steps, and verifies. */
import type { QaAction, QaCheck, QaNeeds, QaScenario, QaStep } from '../../lib/playbook.ts';
import type { ClusterStatus } from '../../protocol/cluster.ts';
import { CLEAN_UP, type QaOutcome, type QaResult } from './report.ts';

/** What the playbook acts on. Actions and checks answer what they saw, in a sentence, and throw what went wrong. */
export interface QaWorld {
  state(signal: AbortSignal): Promise<ClusterStatus>;
  /** @throws Skipped where it cannot be tried here */
  act(action: QaAction, signal: AbortSignal): Promise<string>;
  /** Looks at what the last action has left. @throws Skipped where it cannot be looked at here */
  verify(check: QaCheck, signal: AbortSignal): Promise<string>;
  /**
   * Destroys what was launched here, whatever state it is in; to be called after an interruption, too. Answers what was
   * done, undefined where nothing had to be. @throws Error that says what is left
   */
  cleanUp(): Promise<string | undefined>;
}

/** It cannot be tried here; the message says why. */
export class Skipped extends Error {}

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onBegin?: (scenario: QaScenario, step: Pick<QaStep, 'id' | 'title'>) => void;
  readonly onResult?: (result: QaResult) => void;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

/** Never throws: what goes wrong is in the results. After an abort the rest is skipped, and what was launched destroyed. */
export async function runPlaybook(
  scenarios: readonly QaScenario[],
  world: QaWorld,
  options: RunOptions,
): Promise<QaResult[]> {
  const run = new PlaybookRun(world, options);
  try {
    for (const scenario of scenarios) await run.scenario(scenario);
  } finally {
    await run.cleanUp();
  }
  return run.results;
}

/** How a server comes from a state to where a scenario begins; null where that cannot be had. */
export function preparations(needs: QaNeeds, state: ClusterStatus): readonly QaAction[] | null {
  const fits = needs === 'any' ? state === 'running' || state === 'stopped' : state === needs;
  if (fits) return [];
  if (needs === 'any') return state === 'no_server' ? ['launch'] : null;
  return WAYS[needs][state] ?? null;
}

const WAYS: Readonly<Record<Exclude<QaNeeds, 'any'>, Partial<Record<ClusterStatus, readonly QaAction[]>>>> = {
  no_server: { running: ['destroy'], stopped: ['destroy'] },
  running: { no_server: ['launch'], stopped: ['start'] },
  stopped: { no_server: ['launch', 'stop'], running: ['stop'] },
};

const PREPARING: Partial<Record<QaAction, string>> = {
  launch: 'First launch a server',
  start: 'First start the server',
  stop: 'First stop the server',
  destroy: 'First destroy the server',
};

class PlaybookRun {
  readonly results: QaResult[] = [];
  readonly #world: QaWorld;
  readonly #options: RunOptions;
  readonly #now: () => number;
  /** Why no server can be had any more; a second launch would cost and most likely fail as well. */
  #noServer: string | undefined;

  constructor(world: QaWorld, options: RunOptions) {
    this.#world = world;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  async scenario(scenario: QaScenario): Promise<void> {
    let reason = await this.#prepare(scenario);
    for (const step of scenario.steps) {
      reason ??= this.#options.signal.aborted ? 'interrupted' : undefined;
      if (reason !== undefined) this.#skip(scenario, step, reason);
      else reason = await this.#step(scenario, step);
    }
  }

  async cleanUp(): Promise<void> {
    const begun = this.#now();
    const told = { scenario: CLEAN_UP.id, step: 'destroy', check: null, title: 'Destroy what was launched' } as const;
    try {
      const seen = await this.#world.cleanUp();
      if (seen !== undefined) this.#tell({ ...told, outcome: 'passed', seconds: this.#since(begun), seen });
    } catch (error) {
      this.#tell({ ...told, outcome: 'failed', seconds: this.#since(begun), seen: messageOf(error) });
    }
  }

  /** Brings the server to where the scenario begins; answers why that cannot be. */
  async #prepare(scenario: QaScenario): Promise<string | undefined> {
    const { signal } = this.#options;
    if (signal.aborted) return 'interrupted';
    let state: ClusterStatus;
    try {
      state = await this.#world.state(signal);
    } catch (error) {
      return `the state of the server is not known: ${messageOf(error)}`;
    }
    const actions = preparations(scenario.needs, state);
    if (actions === null) return `it begins with ${STATES[scenario.needs]}, and the state is "${state}"`;
    if (actions.includes('launch') && this.#noServer !== undefined) return this.#noServer;
    for (const action of actions) {
      const step = { id: `prepare-${action}`, title: PREPARING[action] ?? action, action, verify: [] };
      const failed = await this.#step(scenario, step);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  /** Does a step and verifies; answers why the rest of the scenario cannot be tried. */
  async #step(scenario: QaScenario, step: QaStep): Promise<string | undefined> {
    this.#options.onBegin?.(scenario, step);
    const outcome = await this.#attempt(scenario, step, null, step.title, (signal) =>
      this.#world.act(step.action, signal),
    );
    const broken = this.#options.signal.aborted ? 'interrupted' : `"${step.title}" was not done`;
    const reason = outcome === 'passed' ? undefined : broken;
    if (step.action === 'launch' && outcome !== 'passed') this.#noServer = 'the launch has failed before';
    for (const { check, expects } of step.verify) {
      if (reason !== undefined) this.#tell(skipped(scenario, step, check, expects, reason));
      else await this.#attempt(scenario, step, check, expects, (signal) => this.#world.verify(check, signal));
    }
    return reason;
  }

  async #attempt(
    scenario: QaScenario,
    step: QaStep,
    check: QaCheck | null,
    title: string,
    work: (signal: AbortSignal) => Promise<string>,
  ): Promise<QaOutcome> {
    const { signal } = this.#options;
    const begun = this.#now();
    const told = { scenario: scenario.id, step: step.id, check, title };
    let [outcome, seen]: [QaOutcome, string] = ['skipped', 'interrupted'];
    try {
      if (!signal.aborted) [outcome, seen] = ['passed', await work(signal)];
    } catch (error) {
      // What an interruption broke off has not failed.
      if (!signal.aborted) [outcome, seen] = [error instanceof Skipped ? 'skipped' : 'failed', messageOf(error)];
      else [outcome, seen] = ['skipped', 'interrupted'];
    }
    this.#tell({ ...told, outcome, seconds: this.#since(begun), seen });
    return outcome;
  }

  #skip(scenario: QaScenario, step: QaStep, reason: string): void {
    this.#tell(skipped(scenario, step, null, step.title, reason));
    for (const { check, expects } of step.verify) this.#tell(skipped(scenario, step, check, expects, reason));
  }

  #tell(result: QaResult): void {
    this.results.push(result);
    this.#options.onResult?.(result);
  }

  #since(begun: number): number {
    return Math.round((this.#now() - begun) / 100) / 10;
  }
}

const STATES: Readonly<Record<QaNeeds, string>> = {
  no_server: 'no server',
  running: 'a running server',
  stopped: 'a stopped server',
  any: 'a server',
};

function skipped(scenario: QaScenario, step: QaStep, check: QaCheck | null, title: string, seen: string): QaResult {
  return { scenario: scenario.id, step: step.id, check, title, outcome: 'skipped', seconds: 0, seen };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
