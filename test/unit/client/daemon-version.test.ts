import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, describe, it } from 'mocha';
import { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { endIfAtRest, outdatedOf } from '../../../src/client/outdated.ts';
import { isAlive, processStartTime } from '../../../src/lib/process-identity.ts';
import { isOlder } from '../../../src/lib/version.ts';
import { isAtRest, type DaemonFile, type Duties } from '../../../src/protocol/daemon.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';
import { WORKSHOP_STATUSES } from '../../../src/protocol/workshop.ts';

describe('a version', () => {
  it('is older by its numbers, and not by its letters', () => {
    assert.ok(isOlder('0.1.0', '0.1.1'));
    assert.ok(isOlder('0.9.9', '0.10.0'));
    assert.ok(isOlder('1.9.9', '2.0.0'));
    assert.ok(!isOlder('0.10.0', '0.9.0'));
  });

  it('is the same in every build', () => {
    assert.ok(!isOlder('0.1.0', '0.1.0-source'));
    assert.ok(!isOlder('0.1.0-source', '0.1.0'));
  });

  it('is not older where it is none', () => {
    for (const none of ['', '1', 'x', '1.2', '99999999999.0.0']) {
      assert.ok(!isOlder(none, '1.0.0'));
      assert.ok(!isOlder('1.0.0', none));
    }
  });

  it('comes before another or after it, and not both', () => {
    const version = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30));
    fc.assert(
      fc.property(version, version, (one, other) => {
        const before = isOlder(one.join('.'), other.join('.'));
        const after = isOlder(other.join('.'), one.join('.'));
        assert.equal(before || after, one.join('.') !== other.join('.'));
        assert.ok(!(before && after));
      }),
    );
  });
});

describe('what a control plane is needed for', () => {
  const nothing: Duties = { workshops: [], cluster: { status: 'no_server' }, operations: [{ status: 'succeeded' }] };
  const worker: Duties['workshops'][number]['workers'] = [
    { name: 'local', zone: null, ip: null, status: 'healthy', deadline: null, price_per_hour: null },
  ];

  it('is nothing where nothing runs', () => {
    assert.ok(isAtRest(nothing));
    assert.ok(isAtRest({ ...nothing, cluster: undefined }));
  });

  it('is a workshop that is on its way, that runs, or that holds a worker', () => {
    const resting = WORKSHOP_STATUSES.filter((status) =>
      isAtRest({ ...nothing, workshops: [{ status, workers: [] }] }),
    );
    assert.deepEqual(resting, ['created', 'stopped', 'error']);
    assert.ok(!isAtRest({ ...nothing, workshops: [{ status: 'error', workers: worker }] }));
  });

  it('is a server, also one that is stopped or broken, and an operation', () => {
    assert.ok(!isAtRest({ ...nothing, cluster: { status: 'stopped' } }));
    assert.ok(!isAtRest({ ...nothing, cluster: { status: 'error' } }));
    assert.ok(!isAtRest({ ...nothing, operations: [{ status: 'running' }] }));
  });
});

/** A control plane as far as its lists go. It lives on after SIGTERM where its first word says so. */
const PROGRAM = `
const [, stubborn, cluster] = process.argv;
if (stubborn === 'stubborn') process.on('SIGTERM', () => undefined);
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/api/cluster' && cluster === 'none') {
    response.statusCode = 404;
    response.end('{"error":{"code":"NOT_FOUND","message":"There is no such address."}}');
  } else if (request.url === '/api/workshops' && cluster === 'strange') response.end('{"workshops":[{"later":1}]}');
  else response.end({ '/api/workshops': '{"workshops":[]}', '/api/operations': '{"operations":[]}' }[request.url] ?? '{}');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

describe('a control plane of an earlier version', () => {
  let child: ChildProcess | undefined;
  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    child = undefined;
  });

  async function start(...words: string[]): Promise<DaemonFile> {
    child = spawn(process.execPath, ['-e', PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    const pid = child.pid ?? 0;
    const url = `http://127.0.0.1:${String(line).trim()}`;
    return { url, token: 'secret', pid, start_time: processStartTime(pid) ?? '', version: '0.0.9' };
  }

  it('is told with who started it; one that does not tell was started by a client', async () => {
    const file = await start('quick', 'none');
    assert.deepEqual(outdatedOf(file, '0.1.0'), { version: '0.0.9', background: true });
    assert.deepEqual(outdatedOf({ ...file, background: false }, '0.1.0'), { version: '0.0.9', background: false });
    assert.equal(outdatedOf(file, '0.0.9'), undefined);
    assert.equal(outdatedOf({ ...file, version: '0.2.0' }, '0.1.0'), undefined);
  });

  it('that knows nothing of servers ends where nothing runs, and is gone then', async () => {
    const file = await start('quick', 'none');
    assert.equal(await endIfAtRest(file, new ControlPlaneClient(file)), true);
    assert.ok(!isAlive(file));
  });

  it('is left alone where it cannot be understood', async () => {
    const file = await start('quick', 'strange');
    assert.equal(await endIfAtRest(file, new ControlPlaneClient(file)), false);
    assert.ok(isAlive(file));
  });

  it('is left alone where its number belongs to another process by now', async () => {
    const file = await start('quick', 'none');
    const stale = { ...file, start_time: '1' };
    assert.equal(await endIfAtRest(stale, new ControlPlaneClient(file)), true);
    assert.ok(isAlive(file));
  });

  it('that does not end is told, with how to end it', async () => {
    const file = await start('stubborn', 'none');
    await assert.rejects(endIfAtRest(file, new ControlPlaneClient(file), undefined, 300), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.equal(
        error.message,
        `The control plane of version 0.0.9 (process ${file.pid}) was asked to make way for a newer one and did not ` +
          `end within 0.3 s. End it: kill -9 ${file.pid}`,
      );
      return true;
    });
  });
});
