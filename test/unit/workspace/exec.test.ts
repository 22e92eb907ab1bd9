import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorBodySchema } from '../../../src/protocol/errors.ts';
import { execResultSchema, type ExecResult } from '../../../src/protocol/files.ts';
import { ask, isRunning, startWorkspace, TestTerminal, until, type TestWorkspace } from './support.ts';

describe('commands in the workspace', function () {
  this.timeout(120_000);
  let workspace: TestWorkspace;
  beforeEach(async () => {
    // The shell of a terminal waits, that of a command runs it.
    workspace = await startWorkspace('if [ "$2" = -c ]; then exec bash "$@"; fi; exec sleep 60');
  });
  afterEach(() => workspace.stop());
  const send = (body: unknown) => ask(workspace, 'POST', '/exec', { body: JSON.stringify(body) });
  const run = async (body: unknown): Promise<ExecResult> => {
    const answer = await send(body);
    assert.equal(answer.status, 200, answer.text);
    return execResultSchema.parse(answer.json());
  };

  it('run in the login shell, or as they are', async () => {
    const shell = await run({ command: 'echo "$PWD $HOME"; echo no >&2; exit 3' });
    const stdout = `${workspace.root} ${workspace.root}\n`;
    assert.deepEqual(shell, { exit_code: 3, stdout, stderr: 'no\n', truncated: false });
    const plain = await run({ command: ['printf', '%s|', '$HOME', 'a b', ''] });
    assert.deepEqual(plain, { exit_code: 0, stdout: '$HOME|a b||', stderr: '', truncated: false });
    assert.match((await run({ command: 'shopt login_shell' })).stdout, /on/);
  });

  it('run in a folder of the workspace', async () => {
    mkdirSync(join(workspace.root, 'a b'));
    assert.equal((await run({ command: 'pwd', cwd: 'a b' })).stdout, `${workspace.root}/a b\n`);
    for (const [cwd, status] of [
      ['..', 403],
      ['/etc', 403],
      ['none', 404],
    ] as const)
      assert.equal((await send({ command: 'pwd', cwd })).status, status);
  });

  it('tell a signal as a shell does, and what cannot be started', async () => {
    assert.equal((await run({ command: 'kill -TERM $$' })).exit_code, 143);
    const missing = await run({ command: ['/no/such/program'] });
    assert.equal(missing.exit_code, 127);
    assert.equal(missing.stderr, '/no/such/program: command not found\n');
    mkdirSync(join(workspace.root, 'folder'));
    assert.match((await run({ command: ['./folder'] })).stderr, /^\.\/folder: permission denied\n$/);
  });

  it('give at most 1 MiB of each output, whole characters, and still run to their end', async () => {
    const much = await run({ command: 'yes ž | head -c 3000000; echo small >&2; touch ended; exit 4' });
    assert.equal(much.exit_code, 4);
    assert.equal(much.truncated, true);
    assert.equal(much.stderr, 'small\n');
    assert.ok(Buffer.byteLength(much.stdout) <= 1_048_576 && Buffer.byteLength(much.stdout) > 1_048_570);
    assert.match(much.stdout, /^(ž\n)+ž?$/);
    assert.equal(existsSync(join(workspace.root, 'ended')), true);
  });

  it('are killed at the time limit, with all that they started', async () => {
    const late = await run({ command: 'sleep 60 & echo $!; wait', timeout_ms: 2_000 });
    assert.equal(late.exit_code, 124);
    assert.match(late.stdout, /^\d+\n$/);
    await until(() => !isRunning(Number(late.stdout)), 'the end of the child');
  });

  it('are killed when the client goes away', async () => {
    const sent = request({ socketPath: workspace.filesSocket, method: 'POST', path: '/exec' });
    sent.on('error', () => undefined);
    sent.end(JSON.stringify({ command: 'sleep 60 & echo $! >pid; wait' }));
    const file = join(workspace.root, 'pid');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), 'the start');
    const pid = Number(readFileSync(file, 'utf8'));
    assert.equal(isRunning(pid), true);
    sent.destroy();
    await until(() => !isRunning(pid), 'the end of the command');
  });

  it('do not wait for what they leave in the background', async () => {
    const left = await run({ command: 'setsid nohup sleep 60 & echo $!' });
    const pid = Number(left.stdout);
    assert.equal(left.exit_code, 0);
    await sleep(50);
    assert.equal(isRunning(pid), true);
    process.kill(pid, 'SIGKILL');
  });

  it('do not wait for ever for what goes on writing, either', async () => {
    const left = await run({ command: 'setsid nohup sh -c "while :; do echo x; sleep 0.01; done" & echo $!' });
    const pid = Number(left.stdout.split('\n')[0]);
    assert.equal(left.exit_code, 0);
    await until(() => !isRunning(pid) || process.kill(pid, 'SIGKILL'), 'its end');
  });

  it('have nothing to read', async () => {
    assert.equal((await run({ command: 'cat; echo end' })).stdout, 'end\n');
  });

  it('do not get the terminals that are open', async () => {
    const terminal = await new TestTerminal(workspace).open();
    await terminal.ready();
    const { stdout } = await run({ command: ['ls', '-l', '/proc/self/fd'] });
    assert.match(stdout, / 1 -> (pipe|socket):/);
    assert.doesNotMatch(stdout, /ptmx/);
    assert.equal((await run({ command: ['sh', '-c', 'exit 5'] })).exit_code, 5);
    assert.equal((await run({ command: ['/no/such/program'] })).exit_code, 127);
  });

  it('are refused where they are not valid', async () => {
    const wrong = [{}, { command: '' }, { command: [] }, { command: 'x', shell: 'y' }, { command: 'x', timeout_ms: 0 }];
    for (const body of [...wrong, { command: 'x', timeout_ms: 600_001 }, { command: 1 }, []]) {
      const answer = await send(body);
      assert.deepEqual([answer.status, errorBodySchema.parse(answer.json()).error.code], [400, 'INVALID_INPUT']);
    }
    assert.equal((await ask(workspace, 'POST', '/exec', { body: '{' })).status, 400);
    assert.equal((await ask(workspace, 'POST', '/exec', { body: Buffer.alloc(100_000_000, ' ') })).status, 413);
    assert.equal((await ask(workspace, 'POST', '/exec?x=1', { body: '{"command":"true"}' })).status, 400);
  });

  it('end with the server', async () => {
    const sent = request({ socketPath: workspace.filesSocket, method: 'POST', path: '/exec' });
    const failed = once(sent, 'error');
    sent.end(JSON.stringify({ command: 'echo $$ >pid; exec sleep 60' }));
    const file = join(workspace.root, 'pid');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), 'the start');
    const pid = Number(readFileSync(file, 'utf8'));
    await workspace.stop();
    await failed;
    assert.equal(isRunning(pid), false);
  });
});
