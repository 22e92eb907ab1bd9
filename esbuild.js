/** Builds the bundles of dist/, prints their sizes, and fails where a budget or a ban is broken. */
import { build, context } from 'esbuild';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { pageTexts } from './tools/l10n/page-texts.ts';

const production = process.argv.includes('--production');
const watch = process.argv.includes('--watch');
/** Of the bundles, the one of this name, and where it goes instead of dist/: for what is made of a single one. */
const only = valueOf('--only');
const folder = valueOf('--to') ?? 'dist';
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** Budgets are minified bytes; `banned` are packages that must not be inside. */
const BUNDLES = [
  {
    entry: 'src/extension.ts',
    out: 'dist/extension.cjs',
    external: ['vscode'],
    budget: 450 * 1024,
    banned: ['undici', 'fastify', 'pino', 'jose', '@google-cloud'],
  },
  { entry: 'src/cli.ts', out: 'dist/cli.cjs', external: [], budget: 3072 * 1024, banned: ['@vscode'] },
  { entry: 'src/agent/main.ts', out: 'dist/agent.cjs', external: [], budget: 2816 * 1024, banned: ['@google-cloud'] },
  {
    entry: 'src/workspace/main.ts',
    out: 'dist/workspace.cjs',
    external: ['node-pty'],
    budget: 2048 * 1024,
    banned: ['fastify', '@google-cloud'],
  },
];

/** Where the parts of the page for browsers go, below dist/; the control plane serves them from there. */
const PAGE_FOLDER = 'browser';

/** The oldest browsers that the page is for; what their language lacks is lowered, `older-browsers.ts` has the rest. */
const OLDEST_BROWSERS = ['chrome109', 'edge109', 'firefox115', 'safari16.4'];

/** What a browser runs and shows. A module of Node in a script fails its build: nothing here is external. */
const PAGES = [
  { entry: 'src/browser/join/main.ts', document: 'media/browser/join.html', out: 'join.js', budget: 96 * 1024 },
  { entry: 'src/browser/seat/main.ts', document: 'media/browser/seat.html', out: 'seat.js', budget: 576 * 1024 },
  { entry: 'media/browser/join.css', out: 'join.css', budget: 4 * 1024 },
  { entry: 'media/browser/seat.css', out: 'seat.css', budget: 16 * 1024 },
];
const DOCUMENTS = ['join.html', 'seat.html'];

function valueOf(option) {
  const index = process.argv.indexOf(option);
  return index === -1 ? undefined : process.argv[index + 1];
}

function options({ entry, out, external }, afterBuild) {
  return {
    entryPoints: [entry],
    outfile: out,
    external,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    mainFields: ['module', 'main'],
    minify: production,
    // Errors and their names are part of what a person reads in a log.
    keepNames: true,
    sourcemap: true,
    metafile: true,
    logLevel: 'warning',
    define: { CARAPACE_VERSION: JSON.stringify(version) },
    plugins: [{ name: 'inspect', setup: (build) => build.onEnd(afterBuild) }],
  };
}

function pageOptions({ entry, document, out }, afterBuild) {
  return {
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: OLDEST_BROWSERS,
    minify: production,
    sourcemap: production ? false : 'inline',
    metafile: true,
    logLevel: 'warning',
    plugins: [
      ...(document === undefined ? [] : [pageTexts(entry, document)]),
      { name: 'inspect', setup: (build) => build.onEnd(afterBuild) },
    ],
  };
}

function copyDocuments(to) {
  mkdirSync(to, { recursive: true });
  for (const name of DOCUMENTS) cpSync(join('media/browser', name), join(to, name));
}

/** The one native module, beside the bundles: only what runs, not its sources. */
function copyNodePty() {
  const from = 'node_modules/node-pty';
  const to = join(folder, 'node_modules/node-pty');
  const native = 'build/Release/pty.node';
  if (!existsSync(join(from, native)))
    throw new Error(`${from}/${native} is missing: run bin/try or bin/test, which build it.`);
  // Seats that run have it loaded: it is replaced, never overwritten, and only where it is another one.
  if (existsSync(join(to, native)) && readFileSync(join(to, native)).equals(readFileSync(join(from, native)))) return;
  rmSync(to, { recursive: true, force: true });
  for (const part of [
    'package.json',
    'LICENSE',
    native,
    'lib/index.js',
    'lib/utils.js',
    'lib/unixTerminal.js',
    'lib/terminal.js',
    'lib/eventEmitter2.js',
  ]) {
    mkdirSync(join(to, part, '..'), { recursive: true });
    cpSync(join(from, part), join(to, part));
  }
}

/** Prints one bundle's size; returns what is wrong with it. */
function inspect({ out, budget, banned = [] }, metafile) {
  const { bytes, inputs } = metafile.outputs[out];
  const allowed = production ? ` of ${budget / 1024} KB` : '';
  console.log(`${out.padEnd(24)} ${(bytes / 1024).toFixed(0).padStart(6)} KB${allowed}`);
  const problems = [];
  if (production && bytes > budget) problems.push(`${out} is over its budget`);
  for (const name of banned) {
    const inside = Object.keys(inputs).find((input) => input.includes(`node_modules/${name}/`));
    if (inside !== undefined) problems.push(`${out} must not contain ${name}, but contains ${inside}`);
  }
  return problems;
}

/** Builds a bundle and inspects it; in watch mode, again after each change of what it is made of. */
async function make(bundle, optionsOf = options) {
  const afterBuild = ({ metafile }) => {
    const problems = metafile === undefined ? [] : inspect(bundle, metafile);
    for (const problem of problems) console.error(problem);
    if (problems.length > 0 && !watch) process.exitCode = 1;
  };
  if (!watch) return build(optionsOf(bundle, afterBuild));
  // What is wrong has been printed, and the next change may mend it.
  const watched = await context(optionsOf(bundle, afterBuild));
  return watched.watch();
}

copyNodePty();
for (const bundle of BUNDLES) {
  const name = basename(bundle.out, '.cjs');
  if (only !== undefined && only !== name) continue;
  await make({ ...bundle, out: relative('.', join(folder, basename(bundle.out))) });
}
if (only === undefined || only === PAGE_FOLDER) {
  const to = relative('.', join(folder, PAGE_FOLDER));
  copyDocuments(to);
  for (const page of PAGES) await make({ ...page, out: join(to, page.out) }, pageOptions);
}
