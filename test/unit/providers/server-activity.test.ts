import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type * as vscode from 'vscode';
import type { Cluster } from '../../../src/protocol/cluster.ts';
import { EMPTY_STATE, withCluster, type ModelState } from '../../../src/providers/model/state.ts';
import { ActivityTeller, TELL_EVERY_MS } from '../../../src/providers/server/activity.ts';
import { warnBeforeStop } from '../../../src/providers/server/stop-warning.ts';
import { fakeVscode } from './fake-vscode.ts';
import { at, cluster, NOON } from './fixtures.ts';

const SERVER_FILE = { scheme: 'vscode-remote', authority: 'ssh-remote+carapace-node', path: '/x' };
const OTHER_FILE = { ...SERVER_FILE, authority: 'ssh-remote+other' };
const SERVER_CELL = { ...SERVER_FILE, scheme: 'vscode-notebook-cell' };
const LOCAL_FILE = { scheme: 'file', authority: '', path: '/x' };
const settled = () => new Promise((resolve) => setImmediate(resolve));

class SetUp {
  now = NOON;
  told: string[] = [];
  failing = false;
  remoteName: string | undefined = 'ssh-remote';
  folders = [{ uri: SERVER_FILE }];
  state: ModelState = withCluster(EMPTY_STATE, cluster());
  readonly changed = new fakeVscode.EventEmitter<unknown>();
  readonly saved = new fakeVscode.EventEmitter<unknown>();
  readonly ran = new fakeVscode.EventEmitter<unknown>();
  readonly teller = this.#teller();

  #teller(): ActivityTeller {
    const values = () => this;
    const vs = {
      l10n: fakeVscode.l10n,
      env: {
        get remoteName() {
          return values().remoteName;
        },
      },
      window: { onDidStartTerminalShellExecution: this.ran.event },
      workspace: {
        onDidChangeTextDocument: this.changed.event,
        onDidSaveTextDocument: this.saved.event,
        textDocuments: [],
        get workspaceFolders() {
          return values().folders;
        },
        getConfiguration: () => ({ get: () => true }),
      },
    } as unknown as typeof vscode;
    const client = {
      tellActivity: (kind: string) => {
        this.told.push(kind);
        return this.failing ? Promise.reject(new Error('away')) : Promise.resolve(cluster());
      },
    };
    const service = {
      get state() {
        return values().state;
      },
      status: { kind: 'live' as const },
      current: () => Promise.resolve(client as never),
      tellCluster: (told: Cluster) => (this.state = withCluster(this.state, told)),
    };
    return new ActivityTeller(vs, service, { warn: () => undefined }, () => this.now);
  }

  type(uri: object = SERVER_FILE, changes = 1, isDirty = true): Promise<unknown> {
    this.changed.fire({ document: { uri, isDirty }, contentChanges: new Array(changes) });
    return settled();
  }
}

describe('work on the server', () => {
  let setUp: SetUp;
  beforeEach(() => (setUp = new SetUp()));
  afterEach(() => setUp.teller.dispose());

  it('is told when somebody types, at most once a minute', async () => {
    await setUp.type();
    setUp.now += TELL_EVERY_MS - 1;
    await setUp.type();
    assert.deepEqual(setUp.told, ['typing']);
    setUp.now += 1;
    await setUp.type();
    assert.deepEqual(setUp.told, ['typing', 'typing']);
  });

  it('is told when somebody types into a notebook', async () => {
    await setUp.type(SERVER_CELL, 1, false);
    await setUp.type({ ...SERVER_CELL, authority: OTHER_FILE.authority }, 1, false);
    assert.deepEqual(setUp.told, ['typing']);
  });

  it('is not what a program writes into a file that is open', async () => {
    await setUp.type(SERVER_FILE, 1, false);
    assert.deepEqual(setUp.told, []);
  });

  it('is told when somebody saves, or runs something in a window on it', async () => {
    setUp.saved.fire({ uri: SERVER_FILE });
    await settled();
    setUp.now += TELL_EVERY_MS;
    setUp.ran.fire({});
    await settled();
    assert.deepEqual(setUp.told, ['saving', 'terminal']);
  });

  it('is not what happens on this machine or another one, or in a document that only opened', async () => {
    await setUp.type(LOCAL_FILE);
    await setUp.type(OTHER_FILE);
    await setUp.type(SERVER_FILE, 0);
    setUp.remoteName = undefined;
    setUp.ran.fire({});
    setUp.remoteName = 'ssh-remote';
    setUp.folders = [{ uri: OTHER_FILE }];
    setUp.ran.fire({});
    await settled();
    assert.deepEqual(setUp.told, []);
  });

  it('is not told of a server that does not run', async () => {
    setUp.state = withCluster(EMPTY_STATE, cluster({ status: 'stopped' }));
    await setUp.type();
    assert.deepEqual(setUp.told, []);
  });

  it('is told again where it could not be told', async () => {
    setUp.failing = true;
    await setUp.type();
    await setUp.type();
    assert.deepEqual(setUp.told, ['typing', 'typing']);
  });
});

describe('the warning before an idle server stops', () => {
  function warn(answer?: string) {
    const changed = new fakeVscode.EventEmitter<void>();
    const told: string[] = [];
    const executed: unknown[] = [];
    let kept = 0;
    const service = { state: EMPTY_STATE, onDidChange: changed.event };
    const vs = {
      l10n: fakeVscode.l10n,
      window: {
        showWarningMessage: (text: string) => {
          told.push(text);
          return Promise.resolve(answer);
        },
      },
      commands: { executeCommand: (id: string) => Promise.resolve(executed.push(id)) },
    } as unknown as typeof vscode;
    warnBeforeStop(vs, service, () => Promise.resolve(void (kept += 1)));
    const tell = async (changes: Partial<Cluster>) => {
      service.state = withCluster(EMPTY_STATE, cluster(changes));
      changed.fire();
      await settled();
    };
    return { tell, told, executed, kept: () => kept };
  }

  it('comes once for each time that a stop is announced', async () => {
    const { tell, told } = warn();
    await tell({});
    await tell({ stops_at: at(300_000) });
    await tell({ stops_at: at(300_000), cost: 1 });
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^carapace-node stops at /);
    await tell({ stops_at: null });
    await tell({ stops_at: at(900_000) });
    assert.equal(told.length, 2);
  });

  it('keeps it running, or stops it now', async () => {
    const keeping = warn('Keep Running');
    await keeping.tell({ stops_at: at(300_000) });
    assert.equal(keeping.kept(), 1);
    const stopping = warn('Stop Now');
    await stopping.tell({ stops_at: at(300_000) });
    assert.deepEqual(stopping.executed, ['carapace.stopServer']);
  });
});
