/** The .vsix as a person gets it: unpacked to a folder that knows nothing of this checkout. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import WebSocket from 'ws';
import * as z from 'zod';
import { daemonFileSchema } from '../../src/protocol/daemon.ts';

const VSIX = 'out/carapace.vsix';

/** Compressed; a newcomer downloads it. */
const MAX_BYTES = 2 * 1024 * 1024;

/** The C library of Debian 12 is 2.36: what the native module needs must not be newer. */
const GLIBC_MINOR = 36;

const BUNDLES = ['agent', 'cli', 'extension', 'workspace'];

/** What the control plane serves to browsers. */
const PAGES = ['join.html', 'join.css', 'join.js', 'seat.html', 'seat.css', 'seat.js'];

/** What may be inside, and nothing else; what is not optional here must be there. */
const CONTENT: readonly { pattern: RegExp; optional?: boolean }[] = [
  { pattern: /^package\.json$/ },
  { pattern: /^package\.nls[.\w-]*\.json$/, optional: true },
  { pattern: /^readme\.md$/ },
  { pattern: /^changelog\.md$/ },
  { pattern: /^LICENSE\.txt$/ },
  { pattern: /^l10n\/bundle\.l10n(\.[\w-]+)?\.json$/ },
  { pattern: /^media\/(walkthrough\/)?[\w-]+(\.nls\.[\w-]+)?\.(svg|png|md)$/ },
  ...BUNDLES.map((name) => ({ pattern: new RegExp(`^dist/${name}\\.cjs$`) })),
  ...PAGES.map((name) => ({ pattern: new RegExp(`^dist/browser/${name}$`) })),
  { pattern: /^dist\/node_modules\/node-pty\/(package\.json|LICENSE)$/ },
  { pattern: /^dist\/node_modules\/node-pty\/lib\/\w+\.js$/ },
  { pattern: /^dist\/node_modules\/node-pty\/build\/Release\/pty\.node$/ },
];

const manifestSchema = z.object({ version: z.string(), main: z.string(), icon: z.optional(z.string()) });

describe('the .vsix', () => {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-vsix-'));
  const extension = join(folder, 'extension');
  let server: ChildProcess | undefined;

  before(async () => {
    await execa('unzip', ['-q', VSIX, '-d', folder]);
  });
  after(async () => {
    if (server?.exitCode === null && server.kill()) await once(server, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  const manifest = () => manifestSchema.parse(JSON.parse(readFileSync(join(extension, 'package.json'), 'utf8')));

  it('holds what runs and what VS Code shows, and nothing else', () => {
    const files = globSync('**', { cwd: extension }).filter((path) => statSync(join(extension, path)).isFile());
    assert.deepEqual(
      files.filter((path) => !CONTENT.some(({ pattern }) => pattern.test(path))),
      [],
    );
    for (const { pattern, optional } of CONTENT)
      assert.ok(optional === true || files.some((path) => pattern.test(path)), `nothing in it matches ${pattern}`);
    const { main, icon } = manifest();
    for (const path of [main, icon ?? main]) assert.ok(existsSync(join(extension, path)), `${path} is missing`);
  });

  it('is for Linux on x86-64 alone, because of its native module', () => {
    assert.match(readFileSync(join(folder, 'extension.vsixmanifest'), 'utf8'), /TargetPlatform="linux-x64"/);
  });

  it('is small', () => {
    const { size } = statSync(VSIX);
    console.log(`      ${(size / 1024).toFixed(0)} KB`);
    assert.ok(size <= MAX_BYTES, `${size} bytes`);
  });

  it('runs on the C library of Debian 12', async () => {
    const native = join(extension, 'dist/node_modules/node-pty/build/Release/pty.node');
    const { stdout } = await execa('objdump', ['-T', native]);
    const minors = [...stdout.matchAll(/GLIBC_2\.(\d+)/g)].map((match) => Number(match[1]));
    const floor = Math.max(...minors);
    console.log(`      glibc 2.${floor} or later`);
    assert.ok(floor <= GLIBC_MINOR, `it needs glibc 2.${floor}`);
  });

  it('has a command line that tells its version', async () => {
    const { stdout } = await execa(process.execPath, [join(extension, 'dist/cli.cjs'), '--version']);
    assert.ok(stdout.includes(manifest().version), stdout);
  });

  it('has a control plane that serves the pages for browsers', async () => {
    const home = join(folder, 'home');
    const words = [join(extension, 'dist/cli.cjs'), 'serve', '--port', '0', '--state-dir', home];
    const serving = spawn(process.execPath, words, { stdio: 'ignore' });
    try {
      while (!existsSync(join(home, 'daemon.json'))) {
        assert.equal(serving.exitCode, null, 'the control plane ended');
        await sleep(20);
      }
      const { url } = daemonFileSchema.parse(JSON.parse(readFileSync(join(home, 'daemon.json'), 'utf8')));
      for (const page of ['join', 'seat']) {
        const html = await (await fetch(`${url}/${page}`)).text();
        const parts = [...html.matchAll(/(?:src|href)="(browser\/[^"]+)"/g)].map(([, part]) => part);
        assert.deepEqual(parts, [`browser/${page}.css`, `browser/${page}.js`]);
        for (const part of parts) {
          const answer = await fetch(`${url}/${part}`);
          assert.ok(answer.ok && (await answer.text()).length > 500, `${part} is served`);
        }
      }
    } finally {
      const ended = once(serving, 'exit');
      if (serving.kill()) await ended;
    }
  });

  it('has a workspace server with a real shell', async () => {
    const socket = join(folder, 'terminal.sock');
    server = spawn(
      process.execPath,
      [
        join(extension, 'dist/workspace.cjs'),
        ...['--root', folder, '--terminal-socket', socket, '--files-socket', join(folder, 'files.sock')],
      ],
      { stdio: 'ignore' },
    );
    while (!existsSync(socket)) {
      assert.equal(server.exitCode, null, 'the workspace server ended');
      await sleep(20);
    }
    const terminal = new WebSocket(`ws+unix:${socket}:/terminal`);
    await once(terminal, 'open');
    let output = '';
    terminal.on('message', (data: Buffer) => (output += data.toString()));
    terminal.send(Buffer.from('echo answer=$((6 * 7)); exit 3\r'));
    const [code] = (await once(terminal, 'close')) as [number];
    assert.equal(code, 1000);
    assert.match(output, /answer=42/);
  });
});
