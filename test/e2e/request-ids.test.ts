/** One id is found in the logs of every process that worked for a request, and `carapace logs` finds it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { CarapaceError } from '../../src/protocol/errors.ts';
import type { CreatedWorkshop } from '../../src/protocol/operation.ts';
import { CARAPACE, TestHome } from './cli-harness.ts';
import { ended, until } from './control-plane-harness.ts';

/** A line of `carapace logs --json`. */
interface Line {
  readonly log: string;
  readonly msg: string;
  readonly time?: string;
  readonly request_id?: string;
  readonly operation_id?: string;
}

/** How the command line ends where there is no such thing. */
const NOT_FOUND = 3;

describe('the id of a request', function () {
  this.timeout(120_000);
  let home: TestHome;
  let created: CreatedWorkshop;
  const id = 'a-request.of_mine-1';
  before(async () => {
    home = new TestHome();
    await home.expect('workshop', 'list');
    const { url, token } = await home.connection();
    const response = await fetch(`${url}/api/workshops`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-request-id': id },
      body: JSON.stringify({ name: 'Traced', seats: 1 }),
    });
    assert.equal(response.headers.get('x-request-id'), id);
    created = (await response.json()) as CreatedWorkshop;
    assert.equal((await ended(new ControlPlaneClient({ url, token }), created.operation)).status, 'succeeded');
  });
  after(() => home.dispose());

  /** None where no log tells of it. */
  async function linesOf(...words: string[]): Promise<Line[]> {
    const { code, stdout } = await home.run(['logs', '--json', ...words]);
    if (code === NOT_FOUND) return [];
    assert.equal(code, 0, stdout);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }

  it('is taken over where it is well-formed, and made where it is not', async () => {
    const { url } = await home.connection();
    for (const given of ['short', 'x'.repeat(65), 'has space here', 'has"quote-in-it']) {
      const answer = await fetch(`${url}/api/nowhere`, { headers: { 'x-request-id': given } });
      const { error } = (await answer.json()) as { error: { request_id: string } };
      assert.match(error.request_id, /^[0-9a-f-]{36}$/, given);
      assert.equal(answer.headers.get('x-request-id'), error.request_id);
    }
  });

  it('leads to the operation that it began, and the operation to what the agent did for it', async () => {
    const operation = created.operation?.id ?? '';
    const byRequest = await linesOf('--request-id', id);
    assert.ok(byRequest.some((line) => line.log === 'serve' && line.msg === 'request' && line.request_id === id));
    const begun = byRequest.find(({ msg }) => msg === 'operation begun');
    assert.deepEqual([begun?.request_id, begun?.operation_id], [id, operation]);
    for (const lines of [byRequest, await linesOf('--operation', operation)]) {
      const made = lines.filter((line) => line.log === 'agent' && line.request_id === operation);
      assert.ok(
        made.some(({ msg }) => msg === 'request'),
        JSON.stringify(lines),
      );
    }
    const times = byRequest.map(({ time }) => time ?? '');
    assert.deepEqual(times, times.toSorted(), 'in the order of time');
    assert.deepEqual(await linesOf('--request-id', 'of-nobody-at-all'), []);
  });

  it('goes with a file and with a terminal through the agent into the seat', async () => {
    const { workshop } = created;
    const { url, token } = await home.connection();
    const access = await new ControlPlaneClient({ url, token }).access(workshop.id, 1, 'instructor');
    const seat = `${access.endpoint}/proxy/${workshop.id}/1`;
    const headers = { authorization: `Bearer ${access.token}`, 'x-request-id': 'file-request-1' };
    const missing = await fetch(`${seat}/files/missing`, { headers });
    assert.equal(missing.headers.get('x-request-id'), 'file-request-1');
    const { error } = (await missing.json()) as { error: { request_id: string } };
    assert.equal(error.request_id, 'file-request-1');

    const terminal = new WebSocket(`${seat.replace('http', 'ws')}/terminal`, {
      headers: { ...headers, 'x-request-id': 'terminal-request-1' },
    });
    await once(terminal, 'open');
    terminal.terminate();
    for (const request of ['file-request-1', 'terminal-request-1']) {
      const logs = await until(`${request} is in both logs`, async () => {
        const lines = await linesOf('--request-id', request);
        return new Set(lines.map(({ log }) => log)).size === 2 ? lines.map(({ log }) => log) : undefined;
      });
      assert.deepEqual([...new Set(logs)].sort(), ['agent', `seat ${workshop.id}/1`]);
    }
  });

  it('is sent by clients, and named in their errors', async () => {
    const { url, token } = await home.connection();
    const error: unknown = await new ControlPlaneClient({ url, token })
      .getWorkshop('ws-nowhere1')
      .catch((e: unknown) => e);
    assert.ok(error instanceof CarapaceError && error.requestId !== undefined);
    const { requestId } = error;
    // The line is written once the answer is on its way.
    const lines = await until('it is in the log', async () => {
      const found = await linesOf('--request-id', requestId);
      return found.length > 0 ? found : undefined;
    });
    assert.deepEqual(
      lines.map(({ log, msg }) => `${log}: ${msg}`),
      ['serve: request'],
    );
    const gone: unknown = await new ControlPlaneClient({ url: 'http://127.0.0.1:9', token })
      .health()
      .catch((e: unknown) => e);
    assert.ok(gone instanceof CarapaceError && gone.requestId !== undefined, 'also where nobody answered');
  });

  it('is followed as it is written, for people and for programs', async () => {
    const { url } = await home.connection();
    const follow = (...words: string[]) => {
      const child = spawn(CARAPACE, ['logs', '--follow', '--request-id', 'followed-1', ...words], {
        env: home.environment,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk) => (text += String(chunk)));
      return { child, text: () => text };
    };
    const followers = [follow(), follow('--json')];
    await until('both follow', async () => {
      // Asked for again until it is seen: the followers take a moment to start.
      await fetch(`${url}/api/nowhere`, { headers: { 'x-request-id': 'followed-1' } });
      return followers.every(({ text }) => text().includes('\n')) ? true : undefined;
    });
    const [people, programs] = followers.map(({ text }) => text().split('\n')[0] ?? '');
    assert.match(
      people ?? '',
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} serve info {2}request {2}request_id=followed-1 {2}method=GET/,
    );
    assert.equal((JSON.parse(programs ?? '') as Line).request_id, 'followed-1');
    for (const { child } of followers) {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      assert.deepEqual((await closed)[0], 130);
    }
  });
});
