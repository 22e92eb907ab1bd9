/**
 * `npm run bench [-- PART…]` measures, all parts or those that are named: Carapace beside programs that do the same, by
 * turns in one run, so that the machine cancels out. Nothing here passes or fails.
 */
import { execa } from 'execa';
import { benchCluster } from './cluster.ts';
import { benchFiles } from './files.ts';
import { benchMachines } from './machine-parts.ts';
import { benchMemory } from './memory.ts';
import { benchSeats } from './seats.ts';
import { benchActivation, benchSizes, benchStart } from './start.ts';
import { benchTerminal } from './terminal.ts';

const PARTS = new Map<string, () => Promise<void> | void>([
  ['terminal', benchTerminal],
  ['files', benchFiles],
  ['seats', benchSeats],
  ['memory', benchMemory],
  ['start', benchStart],
  ['activation', benchActivation],
  ['cluster', benchCluster],
  ['machines', benchMachines],
  ['sizes', benchSizes],
]);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((part) => !PARTS.has(part));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. Parts: ${[...PARTS.keys()].join(', ')}.`);
  process.exit(2);
}
await execa(process.execPath, ['esbuild.js', '--production']);
for (const [part, run] of PARTS) if (wanted.length === 0 || wanted.includes(part)) await run();
