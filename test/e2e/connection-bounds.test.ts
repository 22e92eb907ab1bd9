/** A server for others whose process may open few files: it still serves when somebody opens more than it takes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { TestState, until } from './control-plane-harness.ts';

const FIXTURES = resolve(import.meta.dirname, '../unit/client/fixtures');
const CERT = resolve(FIXTURES, 'one.cert.pem');
const TOKEN = 'the-token-of-this-server-that-is-long-enough';
const PROGRAM = resolve(import.meta.dirname, '../../dist/cli.cjs');
/** With so few files it takes 100 connections, 75 of one address. */
const FILES = 256;
const PER_ADDRESS = 75;

describe('a server for others that may open few files', function () {
  this.timeout(120_000);
  let state: TestState;
  const clients: Socket[] = [];
  beforeEach(() => (state = new TestState()));
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await state.dispose();
  });

  it('lets go what one address opens beyond its share, and answers when there is room again', async () => {
    const words = [PROGRAM, 'serve', '--port', '0', '--state-dir', state.home, '--host', '127.0.0.2'];
    const tls = ['--tls-cert', CERT, '--tls-key', resolve(FIXTURES, 'one.key.pem')];
    const env = { PATH: process.env['PATH'] ?? '', HOME: state.folder, NODE_NO_WARNINGS: '1', CARAPACE_TOKEN: TOKEN };
    const limited = ['-c', `ulimit -n ${FILES} && exec "$@"`, 'sh', process.execPath, ...words, ...tls];
    const child = spawn('sh', limited, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      let log = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += String(chunk)));
      const url = await until('it serves', () => /"public_url":"([^"]+)"/.exec(log)?.[1]);
      const certificate = readFileSync(CERT, 'utf8');
      const client = new ControlPlaneClient({ url, token: TOKEN, certificate });
      assert.equal((await client.health()).status, 'ok');
      let closed = 0;
      for (let n = 0; n < 2 * PER_ADDRESS; n += 1) {
        const socket = connect(Number(new URL(url).port), '127.0.0.2').on('error', () => undefined);
        clients.push(socket.resume());
        socket.once('close', () => (closed += 1));
        await once(socket, 'connect');
      }
      await until('those beyond are let go', () => closed >= PER_ADDRESS || undefined);
      assert.ok(closed <= PER_ADDRESS + 2, `${closed} were let go at once`);
      await until('that is in the log', () => /"of":"one address".*too many are open/.test(log) || undefined);
      for (const socket of clients) socket.destroy();
      await until('there is room again', async () => {
        const health = await client.health().catch(() => undefined);
        return health?.status;
      });
    } finally {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    }
  });
});
