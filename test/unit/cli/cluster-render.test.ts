import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import {
  clusterFacts,
  clusterSummary,
  dollars,
  named,
  planReport,
  serverChangesReport,
  size,
} from '../../../src/cli/cluster-render.ts';
import { localTime } from '../../../src/cli/render.ts';
import { AT, NO_SERVER, PLAN, RUNNING } from './stub-cluster.ts';

const NOW = Date.parse(AT);
const lineOf = (text: string, label: string): string | undefined =>
  text
    .split('\n')
    .find((line) => line.startsWith(label))
    ?.slice(label.length)
    .trim();

describe('the cloud server as a person reads it', () => {
  it('says how old the state is only when that is more than 30 s', () => {
    const clock = localTime(AT).split(' ')[1] ?? '';
    assert.equal(lineOf(clusterFacts(RUNNING, NOW + 30_000), 'State'), 'running');
    assert.equal(lineOf(clusterFacts(RUNNING, NOW + 30_001), 'State'), `running (as of ${clock})`);
    assert.equal(lineOf(clusterFacts(RUNNING, NOW + 86_400_000), 'State'), `running (as of ${localTime(AT)})`);
    assert.equal(lineOf(clusterFacts({ ...RUNNING, observed_at: null }, NOW), 'State'), 'running');
  });

  it('shows what is known, and has no line for what is not', () => {
    const shown = clusterFacts(RUNNING, NOW);
    assert.equal(lineOf(shown, 'Where'), 'aws us-east-1');
    assert.equal(lineOf(shown, 'Price'), '$0.19/h, and $0.01/h for its disk');
    assert.match(lineOf(shown, 'Cost') ?? '', /^about \$0\.57 since 2026-03-04 /);
    assert.equal(lineOf(shown, 'Vault public'), '/data/public');
    for (const label of ['Vault private', 'Note', 'Error', 'SkyPilot']) assert.equal(lineOf(shown, label), undefined);
    const bad = clusterFacts(
      {
        ...RUNNING,
        status: 'error',
        use_spot: true,
        billed: 'unknown',
        note: 'It was preempted.',
        unreachable: 'no answer.',
        stops_at: AT,
        error: { code: 'TIMED_OUT', message: 'It did not stop.' },
      },
      NOW,
    );
    assert.equal(lineOf(bad, 'Machine'), 'm6i.xlarge, Spot');
    assert.equal(lineOf(bad, 'Billed now'), 'not known');
    assert.equal(lineOf(bad, 'Note'), 'It was preempted.');
    assert.equal(lineOf(bad, 'Error'), 'It did not stop.');
    assert.equal(lineOf(bad, 'SkyPilot'), 'cannot be asked: no answer.');
    assert.match(lineOf(bad, 'Autostop') ?? '', /^after 30 idle minutes; .* stopped at 2026-/);
  });

  it('says what became of a server that is gone', () => {
    assert.equal(
      clusterFacts({ ...NO_SERVER, note: 'It was deleted elsewhere.' }, NOW),
      'No server. Launch one: carapace cluster launch\nIt was deleted elsewhere.',
    );
    assert.equal(clusterSummary(NO_SERVER), 'Server "carapace-node": there is none.');
  });

  it('says that a price is not known instead of none', () => {
    const plan = planReport({}, { ...PLAN, offer: null, price_per_hour: null, disk_price_per_hour: null, vaults: [] });
    assert.equal(lineOf(plan, 'Machine'), 'as SkyPilot chooses');
    assert.equal(lineOf(plan, 'Price'), 'not known before the launch');
    assert.equal(lineOf(plan, 'Disk'), '100 GB');
    assert.equal(lineOf(plan, 'Autostop'), 'after 30 idle minutes');
    assert.equal(lineOf(planReport({ autostop_minutes: 1 }, PLAN), 'Autostop'), 'after 1 idle minute');
  });

  it('never shows money that is spent as none', () => {
    assert.equal(dollars(0), '$0.00');
    assert.equal(dollars(0.0042), '$0.0042');
    assert.equal(dollars(12.345), '$12.35');
    fc.assert(fc.property(fc.double({ min: 0.0001, max: 1e6 }), (amount) => !/^\$0\.0+$/.test(dollars(amount))));
  });

  it('counts the files that it does not name', () => {
    assert.equal(named({ count: 2, files: ['a', 'b'] }), 'a, b');
    assert.equal(named({ count: 101, files: ['a'] }), 'a and 100 others');
    assert.match(serverChangesReport([]), /^0 files were changed/);
    assert.match(serverChangesReport(null), /cannot be found out/);
    assert.equal(size(1023), '1023 bytes');
    assert.equal(size(1024 ** 2 * 1.5), '1.5 MiB');
  });
});
