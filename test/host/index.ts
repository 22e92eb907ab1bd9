/** Runs mocha inside the extension host. VS Code calls `run`; the tests are the bundles of suite/ beside this one. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';
import Reporter from '../support/reporter.ts';
import { PROGRAM_BEGINS } from './begin.ts';

const TIMEOUT_MS = 180_000;

/** @throws where a test failed, which VS Code makes its exit code of */
export async function run(): Promise<void> {
  console.log(PROGRAM_BEGINS);
  const mocha = new Mocha({ timeout: TIMEOUT_MS, reporter: Reporter, forbidOnly: true });
  const suite = join(__dirname, 'suite');
  for (const file of readdirSync(suite).sort()) if (file.endsWith('.test.cjs')) mocha.addFile(join(suite, file));
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} tests failed in the extension host.`);
}
