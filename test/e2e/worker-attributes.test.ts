/** How a worker gets its secrets: images/worker/fetch-attributes, against a metadata server that is played. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = '/computeMetadata/v1/instance/attributes/';

interface Answer {
  readonly status: number;
  readonly text: string;
}

describe('the attributes of a worker', () => {
  let folder: string;
  let file: string;
  let server: Server;
  let answers: Map<string, Answer>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-attributes-'));
    file = join(folder, 'agent.env');
    answers = new Map();
    setAttributes({ 'agent-token': 'token.one', 'workspace-token-secret': 'c2VjcmV0/+==', 'workshop-id': 'ws-1' });
    server = createServer((request, response) => {
      const known = request.headers['metadata-flavor'] === 'Google' ? request.url?.replace(PREFIX, '') : undefined;
      const { status, text } = answers.get(known ?? '') ?? { status: 404, text: '<html>\n404\n</html>' };
      response.writeHead(status).end(text);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  function setAttributes(attributes: Record<string, string>): void {
    for (const [name, text] of Object.entries(attributes)) answers.set(name, { status: 200, text });
  }

  function fetchAttributes(): Promise<{ failed: boolean; said: string }> {
    // A proxy must never see the secrets.
    const METADATA_URL = `http://127.0.0.1:${(server.address() as AddressInfo | null)?.port ?? 1}`;
    const env = { PATH: process.env['PATH'], METADATA_URL, http_proxy: 'http://127.0.0.1:1' };
    return new Promise((resolve) => {
      execFile('images/worker/fetch-attributes', [file], { env }, (error, _, said) => {
        resolve({ failed: error !== null, said });
      });
    });
  }

  it('are written whole, for this user alone', async () => {
    assert.deepEqual(await fetchAttributes(), { failed: false, said: '' });
    const lines = ['AGENT_TOKEN=token.one', 'WORKSPACE_TOKEN_SECRET=c2VjcmV0/+==', 'WORKSHOP_ID=ws-1'];
    assert.equal(readFileSync(file, 'utf8'), `${lines.join('\n')}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ['agent.env']);
  });

  it('need no workshop', async () => {
    answers.delete('workshop-id');
    assert.equal((await fetchAttributes()).failed, false);
    assert.match(readFileSync(file, 'utf8'), /^WORKSHOP_ID=$/m);
  });

  for (const name of ['agent-token', 'workspace-token-secret']) {
    it(`are refused without ${name}, and the earlier ones are gone`, async () => {
      writeFileSync(file, 'AGENT_TOKEN=old\n');
      answers.delete(name);
      const { failed, said } = await fetchAttributes();
      assert.equal(failed, true);
      assert.match(said, new RegExp(`no metadata attribute "${name}"`));
      assert.equal(existsSync(file), false);
    });

    it(`are refused where ${name} would be more than one value in the file, without showing it`, async () => {
      for (const value of ['one\nSOCKET_DIR=/tmp', 'one two', 'one"', '$(one)', 'one\\']) {
        setAttributes({ [name]: value });
        const { failed, said } = await fetchAttributes();
        assert.equal(failed, true, value);
        assert.match(said, /has other characters/);
        assert.doesNotMatch(said, /one/);
        assert.equal(existsSync(file), false);
      }
    });
  }

  it('are those of before while the metadata server does not answer, or answers with an error', async () => {
    writeFileSync(file, 'AGENT_TOKEN=old\n');
    answers.set('agent-token', { status: 503, text: 'later' });
    const busy = await fetchAttributes();
    assert.equal(busy.failed, false);
    assert.match(busy.said, /does not answer \(HTTP status 503\): the agent starts with what it told before/);
    server.close();
    await once(server, 'close');
    const gone = await fetchAttributes();
    assert.equal(gone.failed, false);
    assert.match(gone.said, /does not answer \(curl: /);
    assert.equal(readFileSync(file, 'utf8'), 'AGENT_TOKEN=old\n');
  });

  it('are missing, with the reason, where it never answered', async () => {
    server.close();
    await once(server, 'close');
    const { failed, said } = await fetchAttributes();
    assert.equal(failed, true);
    assert.match(said, /The metadata server at http:\/\/127\S+ does not answer \(curl: /);
    assert.equal(existsSync(file), false);
  });
});
