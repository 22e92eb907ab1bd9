import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { CLEAN_UP, countOutcomes, markdown, resultLine, type QaResult } from '../../../../src/cli/qa/report.ts';
import { Skipped, preparations, runPlaybook, type QaWorld } from '../../../../src/cli/qa/runner.ts';
import { PLAYBOOK, QA_ACTIONS, QA_CHECKS, type QaAction, type QaCheck } from '../../../../src/lib/playbook.ts';
import { CLUSTER_STATUSES, type ClusterStatus } from '../../../../src/protocol/cluster.ts';

const AFTER: Partial<Record<QaAction, ClusterStatus>> = {
  launch: 'running',
  start: 'running',
  stop: 'stopped',
  'stop-elsewhere': 'stopped',
  destroy: 'no_server',
};

/** A server of which everything succeeds but what is named. */
class FakeWorld implements QaWorld {
  status: ClusterStatus = 'no_server';
  launches = 0;
  cleanedUp = 0;
  readonly acts: QaAction[] = [];
  readonly failing: ReadonlySet<QaAction | QaCheck>;
  onAct: (action: QaAction) => void = () => undefined;
  cleaning: () => string | undefined = () => undefined;

  constructor(...failing: (QaAction | QaCheck)[]) {
    this.failing = new Set(failing);
  }

  state(): Promise<ClusterStatus> {
    return Promise.resolve(this.status);
  }

  act(action: QaAction, signal: AbortSignal): Promise<string> {
    this.acts.push(action);
    if (action === 'launch') this.launches += 1;
    this.onAct(action);
    if (signal.aborted) return Promise.reject(new Error('broken off'));
    if (this.failing.has(action)) {
      this.status = action === 'launch' ? 'error' : this.status;
      return Promise.reject(new Error(`${action} did not work`));
    }
    this.status = AFTER[action] ?? this.status;
    return Promise.resolve(`${action} done`);
  }

  verify(check: QaCheck): Promise<string> {
    if (check === 'install-command-is-told') return Promise.reject(new Skipped('not here'));
    return this.failing.has(check) ? Promise.reject(new Error('not so')) : Promise.resolve('so');
  }

  cleanUp(): Promise<string | undefined> {
    this.cleanedUp += 1;
    if (this.status !== 'no_server') this.status = 'no_server';
    return Promise.resolve(this.cleaning());
  }
}

const only = (...ids: string[]) => PLAYBOOK.filter(({ id }) => ids.includes(id));
const run = (scenarios: typeof PLAYBOOK, world: QaWorld, signal = new AbortController().signal) =>
  runPlaybook(scenarios, world, { signal, now: () => 0 });

describe('the run of the QA playbook', () => {
  it('launches one server for all of the scenarios', async () => {
    const world = new FakeWorld();
    const results = await run(PLAYBOOK, world);
    assert.equal(world.launches, 1);
    const prepared = results.filter(({ step }) => step.startsWith('prepare-'));
    assert.deepEqual(prepared, []);
    assert.deepEqual(
      results.filter(({ outcome }) => outcome !== 'passed').map(({ check }) => check),
      ['install-command-is-told'],
    );
    assert.equal(world.cleanedUp, 1);
  });

  it('brings the server to where a single scenario begins', async () => {
    const world = new FakeWorld();
    await run(only('start'), world);
    assert.deepEqual(world.acts, ['launch', 'stop', 'start', 'read-vaults']);
    const both = new FakeWorld();
    await run(only('stop', 'status'), both);
    assert.deepEqual(both.acts, ['launch', 'watch-status', 'stop', 'launch-again']);
  });

  it('goes on after a check that fails, and not after an action that does', async () => {
    const check = new FakeWorld('sky-agrees');
    const checked = await run(only('stop'), check);
    assert.deepEqual(check.acts, ['launch', 'stop', 'launch-again']);
    assert.deepEqual(
      checked.filter(({ outcome }) => outcome === 'failed').map(({ check, seen }) => [check, seen]),
      [['sky-agrees', 'not so']],
    );
    const action = new FakeWorld('stop');
    const acted = await run(only('stop', 'destroy'), action);
    assert.deepEqual(action.acts, ['launch', 'stop', 'destroy']);
    const skipped = acted.filter(({ scenario, outcome }) => scenario === 'stop' && outcome === 'skipped');
    assert.equal(skipped.length, 5 + 2);
    assert.equal(skipped[0]?.seen, '"Stop it" was not done');
  });

  it('does not try a second launch after one that failed', async () => {
    const world = new FakeWorld('launch');
    const results = await run(PLAYBOOK, world);
    assert.equal(world.launches, 1);
    assert.equal(world.cleanedUp, 1);
    const after = results.filter(({ scenario }) => scenario === 'vault-mounts');
    assert.ok(after.length > 0 && after.every(({ outcome }) => outcome === 'skipped'));
  });

  it('cleans up after an interruption at any action, and does no other', async () => {
    for (const at of QA_ACTIONS) {
      const interrupt = new AbortController();
      const world = new FakeWorld();
      world.onAct = (action) => {
        if (action === at) interrupt.abort(new Error('Ctrl-C'));
      };
      const results = await run(PLAYBOOK, world, interrupt.signal);
      assert.equal(world.acts.at(-1), at);
      assert.equal(world.cleanedUp, 1);
      assert.equal(countOutcomes(results).failed, 0);
      assert.equal(results.at(-1)?.seen, 'interrupted');
    }
  });

  it('tells what could not be cleaned up', async () => {
    const world = new FakeWorld();
    world.cleaning = () => {
      throw new Error('It may still be billed.');
    };
    const last = (await run(only('launch'), world)).at(-1);
    assert.deepEqual([last?.scenario, last?.outcome, last?.seen], [CLEAN_UP.id, 'failed', 'It may still be billed.']);
  });

  it('tells each step and check once, whatever fails', async () => {
    const expected = PLAYBOOK.flatMap(({ id, steps }) =>
      steps.flatMap((step) =>
        [null, ...step.verify.map(({ check }) => check)].map((check) => `${id}/${step.id}/${check}`),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.subarray([...QA_ACTIONS, ...QA_CHECKS]), async (failing) => {
        const world = new FakeWorld(...failing);
        const told = (await run(PLAYBOOK, world))
          .filter(({ step }) => !step.startsWith('prepare-'))
          .map(({ scenario, step, check }) => `${scenario}/${step}/${check}`);
        assert.deepEqual(told, expected);
        assert.equal(world.cleanedUp, 1);
        assert.ok(world.launches <= 1 || !failing.includes('launch'));
      }),
      { numRuns: 50 },
    );
  });

  it('has a way to each beginning from a server at rest, and none from elsewhere', () => {
    for (const needs of ['no_server', 'running', 'stopped', 'any'] as const) {
      for (const state of CLUSTER_STATUSES) {
        const way = preparations(needs, state);
        const atRest = ['no_server', 'running', 'stopped'].includes(state);
        assert.equal(way !== null, atRest, `${needs} from ${state}`);
        const end = (way ?? []).reduce((_, action) => AFTER[action] ?? state, state);
        if (atRest) assert.ok(needs === 'any' ? end !== 'no_server' : end === needs, `${needs} from ${state}: ${end}`);
      }
    }
  });
});

describe('the report of the QA playbook', () => {
  const result: QaResult = {
    scenario: 'launch',
    step: 'launch',
    check: 'ip-is-shown',
    title: 'an IP address is shown',
    outcome: 'failed',
    seconds: 1.25,
    seen: 'a | b\n<c>',
  };
  const report = {
    version: '1.2.3',
    control_plane: 'this machine',
    started_at: '2026-03-04T10:00:00Z',
    ended_at: '2026-03-04T10:05:00Z',
    interrupted: false,
    price_per_hour: null,
    ...countOutcomes([result]),
    scenarios: [{ id: 'launch', title: 'Launch a server' }, CLEAN_UP],
    results: [result],
  };

  it('is a table that what was seen cannot break', () => {
    const text = markdown(report);
    assert.match(text, /^\| ✖ failed \| an IP address is shown \| 1\.3 \| a \\\| b &lt;c> \|$/m);
    assert.match(text, /\*\*0 passed, 1 failed, 0 skipped\*\*/);
    assert.ok(!text.includes(CLEAN_UP.title), 'a scenario of which nothing was done has no table');
  });

  it('is a line for each result', () => {
    assert.equal(resultLine({ ...result, seen: '' }), '    ✖ an IP address is shown (1.3 s)');
    assert.equal(
      resultLine({ ...result, check: null, outcome: 'passed', seen: 'x' }),
      '  ✔ an IP address is shown: x (1.3 s)',
    );
  });
});
