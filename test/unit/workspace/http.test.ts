import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CarapaceError, ChangedError, InvalidInputError } from '../../../src/protocol/errors.ts';
import { parseArguments, UsageError } from '../../../src/workspace/arguments.ts';
import { terminalEnvironment, workspaceEnvironment } from '../../../src/workspace/environment.ts';
import { fileError } from '../../../src/workspace/files/file-errors.ts';
import { PathLocks } from '../../../src/workspace/files/locks.ts';
import { isNotModified, preconditionsOf, requireUnchanged } from '../../../src/workspace/files/preconditions.ts';
import { rangeOf } from '../../../src/workspace/files/range.ts';
import { parseQuery } from '../../../src/workspace/http/query.ts';

describe('queries', () => {
  it('are decoded strictly', () => {
    assert.deepEqual(parseQuery('op=move&to=a%20b%2Fc+d%2B', ['op', 'to']), { op: 'move', to: 'a b/c d+' });
    assert.deepEqual(parseQuery('stat', ['stat']), { stat: '' });
    assert.deepEqual(parseQuery('to=a=b', ['to']), { to: 'a=b' });
    for (const query of ['other=1', 'op=1&op=2', 'op=%', 'op=%ff', '__proto__=1'])
      assert.throws(() => parseQuery(query, ['op']), InvalidInputError, query);
  });
});

describe('ranges', () => {
  it('are single parts of a file', () => {
    assert.deepEqual(rangeOf('bytes=0-0', 10), { start: 0, end: 0 });
    assert.deepEqual(rangeOf('bytes=3-', 10), { start: 3, end: 9 });
    assert.deepEqual(rangeOf('bytes=3-99', 10), { start: 3, end: 9 });
    assert.deepEqual(rangeOf('bytes=-4', 10), { start: 6, end: 9 });
    assert.deepEqual(rangeOf('bytes=-99', 10), { start: 0, end: 9 });
  });

  it('count as none where they are not', () => {
    for (const header of [undefined, '', 'bytes=-', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,3-4', 'bytes=5-3'])
      assert.equal(rangeOf(header, 10), undefined, header);
  });

  it('cannot be satisfied behind the end', () => {
    for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=-0']) assert.equal(rangeOf(header, 10), 'unsatisfiable');
    assert.equal(rangeOf('bytes=0-', 0), 'unsatisfiable');
    assert.equal(rangeOf('bytes=-5', 0), 'unsatisfiable');
  });
});

describe('preconditions', () => {
  const check = (headers: Record<string, string>, etag: string | undefined) => {
    requireUnchanged(preconditionsOf(headers), etag, ['f']);
  };

  it('hold for the version that is named, or for any', () => {
    check({}, undefined);
    check({ 'if-match': '"a"' }, '"a"');
    check({ 'if-match': '"b", "a"' }, '"a"');
    check({ 'if-match': '*' }, '"a"');
    check({ 'if-none-match': '*' }, undefined);
    check({ 'if-none-match': '"b"' }, '"a"');
  });

  it('do not hold for another version, or for a weak one', () => {
    const refused = [
      [{ 'if-match': '"b"' }, '"a"'],
      [{ 'if-match': 'W/"a"' }, '"a"'],
      [{ 'if-match': '*' }, undefined],
      [{ 'if-match': '"a"' }, undefined],
      [{ 'if-none-match': '*' }, '"a"'],
      [{ 'if-none-match': '"a"' }, '"a"'],
    ] as const;
    for (const [headers, etag] of refused)
      assert.throws(() => check(headers, etag), ChangedError, JSON.stringify(headers));
  });

  it('refuse what is no ETag', () => {
    for (const header of ['', 'a', '"a', '"a" b'])
      assert.throws(() => preconditionsOf({ 'if-match': header }), InvalidInputError);
  });

  it('know an unmodified file, also by a weak tag', () => {
    assert.equal(isNotModified(preconditionsOf({ 'if-none-match': 'W/"a", "b"' }), '"a"'), true);
    assert.equal(isNotModified(preconditionsOf({ 'if-none-match': '*' }), '"a"'), true);
    assert.equal(isNotModified(preconditionsOf({ 'if-none-match': '"c"' }), '"a"'), false);
    assert.equal(isNotModified(preconditionsOf({}), '"a"'), false);
  });
});

describe('errors of the file system', () => {
  it('are told as ours, and anything else as it is', () => {
    const codes = { ENOENT: 404, ENOTDIR: 409, EISDIR: 409, EEXIST: 409, ENOTEMPTY: 409, EACCES: 403, EPERM: 403 };
    const more = { EROFS: 403, ELOOP: 403, ENAMETOOLONG: 400, ENOSPC: 507, EDQUOT: 507, EFBIG: 413, EMFILE: 503 };
    for (const [code, status] of Object.entries({ ...codes, ...more })) {
      const error = fileError(Object.assign(new Error('/secret/place'), { code }), ['a', 'b']);
      assert.ok(error instanceof CarapaceError, code);
      assert.equal(error.status, status, code);
      assert.doesNotMatch(error.message, /secret/);
    }
    const other = Object.assign(new Error('odd'), { code: 'EIO' });
    assert.equal(fileError(other, []), other);
  });
});

describe('locks of paths', () => {
  it('let one change of a path go at a time, and others at once', async () => {
    const locks = new PathLocks();
    const steps: string[] = [];
    const change = (name: string, paths: string[], milliseconds: number) =>
      locks.with(paths, async () => {
        steps.push(`${name}+`);
        await sleep(milliseconds);
        steps.push(`${name}-`);
      });
    await Promise.all([
      change('a', ['x'], 30),
      change('b', ['x', 'y'], 1),
      change('c', ['z'], 1),
      change('d', ['y'], 1),
    ]);
    assert.ok(steps.indexOf('b+') > steps.indexOf('a-'));
    assert.ok(steps.indexOf('d+') > steps.indexOf('b-'));
    assert.ok(steps.indexOf('c+') < steps.indexOf('a-'));
  });

  it('go on after a change that failed, and cannot lock each other out', async () => {
    const locks = new PathLocks();
    const failing = locks.with(['x', 'y'], () => Promise.reject(new Error('failed')));
    const others = [locks.with(['y', 'x'], () => Promise.resolve(1)), locks.with(['x', 'x'], () => Promise.resolve(2))];
    await assert.rejects(failing, /failed/);
    assert.deepEqual(await Promise.all(others), [1, 2]);
  });
});

describe('the environment of a seat', () => {
  it('has no secrets, and nothing of the server or its editor', () => {
    const environment = workspaceEnvironment('/ws', '/bin/bash', {
      PATH: '/bin',
      USER: 'ada',
      CARAPACE_SEAT: '/seats/w/1',
      CARAPACE_HOME: '/home/ada/.carapace',
      AGENT_TOKEN: 'secret',
      WORKSPACE_TOKEN_SECRET: 'secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
      DB_PASSWORD: 'secret',
      SOCKET_DIR: '/run',
      NODE_OPTIONS: '--inspect',
      VSCODE_PID: '1',
      ELECTRON_RUN_AS_NODE: '1',
      TMUX: 'x',
      BASH_ENV: '/evil',
      NOTIFY_SOCKET: '/run/systemd/notify',
      HOME: '/root',
    });
    assert.deepEqual(environment, {
      PATH: '/bin',
      USER: 'ada',
      CARAPACE_SEAT: '/seats/w/1',
      HOME: '/ws',
      SHELL: '/bin/bash',
      LANG: 'C.UTF-8',
    });
  });

  it('keeps a locale, and names the terminal', () => {
    const environment = workspaceEnvironment('/ws', '/bin/sh', { LC_ALL: 'de_DE.UTF-8' });
    assert.equal(environment['LANG'], undefined);
    assert.equal(terminalEnvironment(environment)['TERM'], 'xterm-256color');
  });
});

describe('the command line of the workspace server', () => {
  const sockets = ['--root', '/ws', '--terminal-socket', '/t', '--files-socket', '/f'];

  it('takes sockets or ports', () => {
    assert.deepEqual(parseArguments([...sockets, '--shell', '/bin/sh', '--max-file-bytes', '5']), {
      root: '/ws',
      shell: '/bin/sh',
      maxFileBytes: 5,
      terminal: { socketPath: '/t' },
      files: { socketPath: '/f' },
    });
    const { terminal, files } = parseArguments(['--root', '/ws', '--host', '0.0.0.0']);
    assert.deepEqual(
      [terminal, files],
      [
        { host: '0.0.0.0', port: 3001 },
        { host: '0.0.0.0', port: 3002 },
      ],
    );
  });

  it('says what is wrong', () => {
    const wrong = [
      [],
      ['--root', '/ws'],
      ['--root', '/ws', '--terminal-socket', '/t'],
      [...sockets, '--host', '::1'],
      [...sockets, '--shell', 'bash'],
      [...sockets, '--max-file-bytes', '1e3'],
      [...sockets, '--unknown', 'x'],
      ['--root', '/ws', '--host', '::1', '--files-port', '65536'],
    ];
    for (const args of wrong) assert.throws(() => parseArguments(args), UsageError, args.join(' '));
  });
});
