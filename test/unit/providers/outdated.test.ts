import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Outdated } from '../../../src/client/outdated.ts';
import { ownIdentity } from '../../../src/lib/process-identity.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';
import { localSource } from '../../../src/providers/connection-source.ts';
import type { Disposer } from '../../../src/providers/disposer.ts';
import { outdatedMessage } from '../../../src/providers/model/connection-status.ts';
import { tellOutdated } from '../../../src/providers/outdated.ts';
import { fakeVscode } from './fake-vscode.ts';
import { t } from './fixtures.ts';

describe('a control plane of an earlier version', () => {
  let disposer: Disposer | undefined;
  afterEach(() => disposer?.dispose());

  function setUp(renewMs: number) {
    const changed = new fakeVscode.EventEmitter<void>();
    const said: string[] = [];
    const counts = { renewals: 0 };
    const service: { outdated: Outdated | undefined } = { outdated: undefined };
    const showInformationMessage = (message: string) => Promise.resolve(void said.push(message));
    const part: unknown = { window: { showInformationMessage }, l10n: { t } };
    const renew = () => (counts.renewals += 1);
    const watched = Object.assign(service, { onDidChange: changed.event, renew });
    disposer = tellOutdated(part as Parameters<typeof tellOutdated>[0], watched, renewMs);
    const change = (outdated: Outdated | undefined) => {
      service.outdated = outdated;
      changed.fire();
    };
    return { said, counts, change };
  }

  it('is told of once, however much changes', () => {
    const { said, change } = setUp(60_000);
    change(undefined);
    assert.deepEqual(said, []);
    change({ version: '0.0.9', background: true });
    change({ version: '0.0.9', background: true });
    change(undefined);
    change({ version: '0.0.9', background: true });
    assert.equal(said.length, 1);
    assert.match(said.join(), /^Carapace 0\.0\.9 is still at work here\./);
  });

  it('is asked again and again to make way, until it has', async () => {
    const { counts, change } = setUp(20);
    change({ version: '0.0.9', background: true });
    while (counts.renewals < 3) await sleep(5);
    change(undefined);
    const { renewals } = counts;
    await sleep(100);
    assert.equal(counts.renewals, renewals);
  });

  it('is not asked where a person has started it, and the person is told what to do', async () => {
    const { counts, said, change } = setUp(5);
    change({ version: '0.0.9', background: false });
    await sleep(50);
    assert.equal(counts.renewals, 0);
    assert.match(said.join(), /was started by hand here\. It is used as it is; end it and start it again to get /);
  });

  it('is named with the version that takes its place', () => {
    assert.equal(
      outdatedMessage({ version: '0.0.9', background: true }, '0.1.0', t),
      'Carapace 0.0.9 is still at work here. It is used as it is, and 0.1.0 takes its place once nothing runs.',
    );
  });
});

describe('the control plane of this machine', () => {
  const idle = new AbortController().signal;
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'carapace-source-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is absent, or asleep where it has left its store', async () => {
    const source = localSource(folder, '/nowhere');
    assert.deepEqual(await source.find(idle), { connection: undefined, because: 'absent' });
    await writeFile(join(folder, 'store.db'), '');
    assert.deepEqual(await source.find(idle), { connection: undefined, because: 'asleep' });
  });

  it('is neither where it runs and does not answer: that is an error, and it is looked for again', async () => {
    const file = { url: 'http://127.0.0.1:1', token: 'secret', version: '0.1.0', ...ownIdentity() };
    await writeFile(join(folder, 'daemon.json'), JSON.stringify(file));
    await assert.rejects(localSource(folder, '/nowhere').find(idle), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(
        error.message,
        /^The control plane of this machine runs, but does not answer\. Its log is .*serve\.log/,
      );
      return true;
    });
  });
});
