/** How long programs take to begin, and how large the bundles are. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { bundleHostTests } from '../host/bundle.ts';
import { runInHost } from '../host/harness.ts';
import { compare, heading, row, type Measured } from './table.ts';

const STARTS = 15;

export async function benchStart(): Promise<void> {
  const ways: (Measured & { values: number[]; args: string[] })[] = [
    { name: 'node', args: ['-e', '0'], values: [] },
    { name: 'carapace', args: ['dist/cli.cjs', '--version'], values: [] },
  ];
  for (let start = 0; start < STARTS; start += 1) {
    for (const { args, values } of ways) {
      const begun = performance.now();
      await execa(process.execPath, args);
      values.push(performance.now() - begun);
    }
  }
  heading('start', ...ways.map(({ name }) => name));
  compare('to the end of --version, ms', 'time', ways);
}

export async function benchActivation(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-bench-'));
  const file = join(folder, 'activation');
  process.env['CARAPACE_ACTIVATION_FILE'] = file;
  try {
    const code = await runInHost(await bundleHostTests('test/host/activation.ts'));
    row('\nactivation in VS Code, ms', code === 0 ? Number(readFileSync(file, 'utf8')) : 'failed');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function benchSizes(): void {
  heading('sizes, KB');
  for (const path of ['extension', 'cli', 'agent', 'workspace'].map((name) => `dist/${name}.cjs`))
    row(path, (statSync(path).size / 1024).toFixed(0));
}
