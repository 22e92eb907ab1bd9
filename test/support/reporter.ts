/** What mocha shows on the screen, and beside it the same as JSON for the program that started the tests. */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** The counts of one run of mocha. `ended` tells a run that came to its end from one that crashed. */
export interface Result {
  passed: number;
  failed: number;
  skipped: number;
  ended: boolean;
  /** Each failed test by its full title, with the first lines of why. */
  failures: string[];
}

/** The environment variable that names the file for the {@link Result}. */
export const RESULT_FILE = 'CARAPACE_TEST_RESULT';

/** Mocha's own `spec`, which writes a {@link Result} where {@link RESULT_FILE} says. */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env[RESULT_FILE];
    if (file === undefined) return;
    const result: Result = { passed: 0, failed: 0, skipped: 0, ended: false, failures: [] };
    runner.on('pass', () => (result.passed += 1));
    // A failing hook fails here, too, and counts as one.
    runner.on('fail', (test, error: Error) => {
      result.failed += 1;
      result.failures.push(`${test.fullTitle()}: ${error.message.split('\n', 12).join('\n    ')}`);
    });
    runner.on('pending', () => (result.skipped += 1));
    runner.on('end', () => {
      result.ended = true;
      writeFileSync(file, JSON.stringify(result));
    });
  }
}
