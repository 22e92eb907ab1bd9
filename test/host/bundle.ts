/** Bundles what runs inside the extension host, which loads CommonJS. */
import { globSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

const OUT = 'out/host';

/** @returns the absolute path of the program that VS Code is to load */
export async function bundleHostTests(program = 'test/host/index.ts'): Promise<string> {
  rmSync(OUT, { recursive: true, force: true });
  await build({
    entryPoints: [program, ...globSync('test/host/suite/*.test.ts')],
    outdir: OUT,
    outbase: 'test/host',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    mainFields: ['module', 'main'],
    // Mocha must be the one that is running, whichever bundle asks for it.
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return resolve(program.replace('test/host', OUT).replace(/\.ts$/, '.cjs'));
}
