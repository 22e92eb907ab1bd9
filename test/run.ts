/**
 * Runs the tests, stage after stage, and counts them. Started by bin/test, which installs what they need.
 * Usage: node test/run.ts [STAGE…]. The last line is `N passed, N failed, N skipped`. With `--check` before them the names
 * of the stages are looked at, and nothing runs.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { cleanEnvironment } from '../src/lib/child-environment.ts';
import { endLeftovers, runCommand } from './support/processes.ts';
import { RESULT_FILE, type Result } from './support/reporter.ts';
import { SCREENSHOTS } from './support/screenshot.ts';
import { STAGES, type Stage, type Step } from './support/stages.ts';

/** `failedOnce` is what failed in files that were then run once more; only how that ended is counted. */
type Counts = Omit<Result, 'ended'> & { readonly failedOnce: readonly string[] };

const NONE: Counts = { passed: 0, failed: 0, skipped: 0, failures: [], failedOnce: [] };

/** How long processes may take to end after the test that started them has passed. */
const GRACE_MS = 5000;

function failure(reason: string): Counts {
  console.error(reason);
  return { ...NONE, failed: 1, failures: [reason] };
}

interface Run {
  /** Everything that the tests make is in here, so that nothing is left when it is gone. */
  readonly folder: string;
  readonly interrupted: AbortSignal;
}

function environment(run: Run): Record<string, string> {
  return {
    ...cleanEnvironment(),
    PATH: [resolve('node_modules/.bin'), process.env['PATH']].join(delimiter),
    TMPDIR: run.folder,
    CARAPACE_HOME: join(run.folder, 'home'),
    // None there: seats are processes, but in the stage that brings images of its own.
    IMAGES_DIR: join(run.folder, 'no-images'),
    ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
    [RESULT_FILE]: join(run.folder, 'result.json'),
  };
}

function add(...all: Counts[]): Counts {
  const sum = (field: 'passed' | 'failed' | 'skipped'): number =>
    all.reduce((total, counts) => total + counts[field], 0);
  const failures = all.flatMap((counts) => counts.failures);
  const failedOnce = all.flatMap((counts) => counts.failedOnce);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), failures, failedOnce };
}

function readResult(file: string): Result | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Result;
  } catch {
    return undefined;
  }
}

/** Runs one step, and once more where it failed and may be. A process that a passed step left is a failure all the same. */
async function runStep(step: Step, stage: Stage, run: Run): Promise<Counts> {
  const first = await tryStep(step, stage, run);
  if (step.isTriedAgain !== true) return first;
  const left = await leftBehind(run);
  if (first.failed === 0 || run.interrupted.aborted) return add(first, left);
  console.log('──── Failed, and is run once more.');
  const second = add(await tryStep(step, stage, run), await leftBehind(run));
  return { ...second, failedOnce: [...first.failures, ...left.failures] };
}

/** Ends what is left of the steps so far, which is a failure. */
async function leftBehind(run: Run): Promise<Counts> {
  const left = (await endLeftovers(run.folder, GRACE_MS)).map(({ pid, command }) => `process ${pid}: ${command}`);
  return left.length > 0 ? failure(`left behind: ${left.join('; ')}`) : NONE;
}

/** One that crashed, was too late, or tested nothing has failed. */
async function tryStep(step: Step, stage: Stage, run: Run): Promise<Counts> {
  const file = join(run.folder, 'result.json');
  rmSync(file, { force: true });
  const ending = await runCommand(step.command, {
    environment: environment(run),
    deadlineMs: stage.deadlineMs,
    signal: run.interrupted,
  });
  const result = step.mocha ? readResult(file) : { passed: ending.code === 0 ? 1 : 0 };
  const counts = { ...NONE, ...result };
  const ran = counts.passed + counts.failed + counts.skipped > 0;
  if (ran && ending.reason === undefined && (ending.code === 0 || counts.failed > 0)) return counts;
  const reason = ending.reason ?? (ending.code === 0 ? 'it tested nothing' : `exit code ${ending.code}`);
  return add(counts, failure(`${step.command.join(' ')}: ${reason}`));
}

async function runStage(stage: Stage, run: Run): Promise<Counts> {
  console.log(`\n──── ${stage.name}: ${stage.about}`);
  if (stage.impossible !== undefined) {
    console.log(`──── ${stage.name}: skipped: ${stage.impossible}`);
    return { ...NONE, skipped: 1 };
  }
  const started = Date.now();
  let counts = NONE;
  for (const step of stage.steps) if (!run.interrupted.aborted) counts = add(counts, await runStep(step, stage, run));
  counts = add(counts, await leftBehind(run));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`──── ${stage.name}: ${line(counts)} (${seconds} s)`);
  const inStage = (told: string): string => `${stage.name}: ${told}`;
  return { ...counts, failures: counts.failures.map(inStage), failedOnce: counts.failedOnce.map(inStage) };
}

function line({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function tell(heading: string, tests: readonly string[]): void {
  if (tests.length > 0) console.log(`\n${heading}:\n${tests.map((told) => `  ${told}`).join('\n')}`);
}

function chooseStages(names: readonly string[]): readonly Stage[] {
  const unknown = names.find((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown === undefined) return STAGES.filter((stage) => names.length === 0 || names.includes(stage.name));
  console.error(`There is no stage "${unknown}". The stages are: ${STAGES.map((stage) => stage.name).join(', ')}.`);
  process.exit(2);
}

const words = process.argv.slice(2);
const isCheck = words[0] === '--check';
const stages = chooseStages(isCheck ? words.slice(1) : words);
if (isCheck) process.exit(0);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
const run: Run = { folder: mkdtempSync(join(tmpdir(), 'carapace-test-')), interrupted: interruption.signal };
rmSync(SCREENSHOTS, { recursive: true, force: true });
const all: Counts[] = [];
for (const stage of stages) if (!run.interrupted.aborted) all.push(await runStage(stage, run));
rmSync(run.folder, { recursive: true, force: true });
const total = add(...all);
// Once more, where whoever reads only the end of the output sees it.
tell('Failed at first, and was run once more', total.failedOnce);
tell('Failed', total.failures);
console.log(`\n${line(total)}`);
process.exitCode = total.failed > 0 || run.interrupted.aborted ? 1 : 0;
