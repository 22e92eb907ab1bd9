import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { ClusterStatus } from '../../../../src/protocol/cluster.ts';
import { derive, type Observation } from '../../../../src/provisioning/cluster/derive.ts';
import { newRow } from '../../../../src/provisioning/cluster/resource.ts';
import type { SkyRecord, SkyStatus, SkyVerb } from '../../../../src/provisioning/cluster/sky/sky.ts';
import type { ClusterRow } from '../../../../src/provisioning/store/cluster.ts';
import { runningRow } from './fixtures.ts';
import { UP } from './stub-sky.ts';

const NOW = '2027-01-15T10:00:00.000Z';

function seen(record: SkyRecord | undefined, change: Partial<Observation> = {}): Observation {
  return { record, requests: [], operation: undefined, now: NOW, ...change };
}

function is(status: SkyStatus, change: Partial<SkyRecord> = {}): SkyRecord {
  return { ...UP, status, ...change };
}

function active(...verbs: SkyVerb[]): Pick<Observation, 'requests'> {
  return { requests: verbs.map((verb, index) => ({ id: String(index), verb })) };
}

function failed(change: Partial<ClusterRow> = {}): ClusterRow {
  const error = { code: 'UNAVAILABLE', message: 'Stopping failed.', details: { verb: 'stop' } } as const;
  return runningRow({ status: 'error', error, ...change });
}

describe('the state of the cluster', () => {
  const TABLE: readonly (readonly [string, Observation, ClusterStatus])[] = [
    ['no record', seen(undefined), 'no_server'],
    ['UP', seen(is('UP')), 'running'],
    ['STOPPED', seen(is('STOPPED')), 'stopped'],
    ['INIT without a request', seen(is('INIT')), 'error'],
    ['PENDING', seen(is('PENDING')), 'provisioning'],
    ['AUTOSTOPPING', seen(is('AUTOSTOPPING')), 'stopping'],
    ['AUTOSTOPPING to destroy', seen(is('AUTOSTOPPING', { toDown: true })), 'destroying'],
    ['an active launch', seen(is('INIT'), active('launch')), 'provisioning'],
    ['an active launch before its record', seen(undefined, active('launch')), 'provisioning'],
    ['an active start', seen(is('STOPPED'), active('start')), 'provisioning'],
    ['an active stop', seen(is('UP'), active('stop')), 'stopping'],
    ['an active down', seen(is('UP'), active('down')), 'destroying'],
    ['a down after a launch', seen(is('INIT'), active('launch', 'down')), 'destroying'],
    ['our launch', seen(undefined, { operation: 'cluster.launch' }), 'provisioning'],
    ['our launch that is UP already', seen(is('UP'), { operation: 'cluster.launch' }), 'provisioning'],
    ['our start', seen(is('STOPPED'), { operation: 'cluster.start' }), 'provisioning'],
    ['our stop', seen(is('UP'), { operation: 'cluster.stop' }), 'stopping'],
    ['our destroy', seen(undefined, { operation: 'cluster.destroy' }), 'destroying'],
    ['our sync', seen(is('UP'), { operation: 'cluster.sync', ...active('launch') }), 'running'],
    ['a stop under our sync', seen(is('STOPPED'), { operation: 'cluster.sync' }), 'stopped'],
  ];
  for (const [name, observation, status] of TABLE) {
    it(`by ${name} is ${status}`, () => {
      for (const row of [
        newRow({}),
        runningRow(),
        runningRow({ status: 'stopped' }),
        runningRow({ status: 'stopping' }),
      ]) {
        const next = derive(row, observation);
        assert.equal(next.status, status);
        assert.equal(next.error !== null, status === 'error');
        assert.deepEqual([next.observed_at, next.unreachable], [NOW, null]);
      }
    });
  }

  it('is known anew when SkyPilot is heard again', () => {
    const next = derive(runningRow({ unreachable: 'away' }), seen(is('UP')));
    assert.equal(next.unreachable, null);
  });
});

describe('an error of the cluster', () => {
  for (const record of [is('UP'), is('INIT'), is('STOPPED'), undefined]) {
    it(`stands while SkyPilot says ${record?.status ?? 'nothing'} and nothing else`, () => {
      const first = derive(failed(), seen(record));
      const second = derive(first, seen(record));
      assert.deepEqual([first.status, second.status], ['error', 'error']);
      assert.equal(second.error?.message, 'Stopping failed.');
      for (const other of [is('UP'), is('STOPPED'), undefined]) {
        if (other?.status === record?.status) continue;
        assert.equal(derive(second, seen(other)).error, null);
      }
    });
  }

  it('is over when somebody launches the server again elsewhere', () => {
    const standing = derive(failed(), seen(is('UP')));
    assert.equal(derive(standing, seen(is('UP'), active('launch'))).status, 'provisioning');
    assert.equal(derive(standing, seen(is('UP', { launchedAt: UP.launchedAt! + 60 }))).status, 'running');
  });

  it('outlives the end of the request that failed', () => {
    const ending = derive(failed(), seen(is('UP'), active('stop')));
    assert.equal(ending.status, 'stopping');
    assert.equal(derive(ending, seen(is('UP'))).error?.message, 'Stopping failed.');
  });

  it('tells why a server is only half there, and that it may be billed', () => {
    const lastEvent = 'Cluster is abnormal because some nodes are terminated. Transitioned to INIT (details: …).\nHint';
    const next = derive(runningRow(), seen(is('INIT', { lastEvent })));
    assert.match(
      next.error?.message ?? '',
      /SkyPilot says: Cluster is abnormal because .*\(details: …\)\. A machine may/,
    );
    assert.equal(next.billed, 'unknown');
    assert.equal(derive(runningRow(), seen(is('INIT'))).billed, 'machine');
  });
});

describe('what the cluster costs', () => {
  it('is counted at each change of what is billed', () => {
    const stopped = derive(runningRow(), seen(is('STOPPED')));
    assert.equal(stopped.billed, 'disk');
    // Two hours since the row's cost was counted.
    assert.ok(Math.abs(stopped.cost - (1 + 2 * (0.192 + 0.01))) < 0.001);
    assert.equal(stopped.cost_at, NOW);
    const gone = derive(stopped, seen(undefined));
    assert.deepEqual([gone.billed, gone.cost, gone.cost_at, gone.price_per_hour], ['nothing', 0, null, null]);
  });

  it('is not counted anew while nothing changes', () => {
    const row = derive(runningRow(), seen(is('UP')));
    const again = derive(row, seen(is('UP'), { now: '2027-01-15T11:00:00.000Z' }));
    assert.deepEqual([again.cost, again.cost_at], [row.cost, row.cost_at]);
  });
});

describe('the line on what happened behind our back', () => {
  const note = (row: ClusterRow, ...observations: readonly Observation[]): string | null =>
    observations.reduce(derive, row).note;

  it('tells of autostop, while it happens and afterwards', () => {
    assert.match(note(runningRow(), seen(is('AUTOSTOPPING'))) ?? '', /stops the server by itself/);
    assert.match(
      note(runningRow(), seen(is('AUTOSTOPPING')), seen(is('STOPPED'))) ?? '',
      /stopped the server by itself/,
    );
    const down = is('AUTOSTOPPING', { toDown: true });
    assert.match(note(runningRow(), seen(down), seen(undefined)) ?? '', /destroyed it by itself/);
  });

  it('tells of a stop elsewhere', () => {
    assert.match(note(runningRow(), seen(is('STOPPED'))) ?? '', /by autostop or in the cloud, not by Carapace/);
    assert.match(
      note(runningRow({ autostop_minutes: null }), seen(is('STOPPED', { autostopMinutes: null }))) ?? '',
      /console/,
    );
    const byUser = is('STOPPED', { lastEvent: 'Cluster was stopped by user root.' });
    assert.match(note(runningRow(), seen(byUser)) ?? '', /SkyPilot’s own command/);
    assert.match(note(runningRow(), seen(is('UP'), active('stop')), seen(is('STOPPED'))) ?? '', /own command/);
  });

  it('tells what is gone, why it may be, and what it has cost', () => {
    const gone = note(runningRow(), seen(undefined)) ?? '';
    assert.match(
      gone,
      /^The server "carapace-node" \(m6i\.xlarge in AWS us-east-1\) is gone: it was destroyed in the cloud/,
    );
    assert.match(gone, /cost about \$1\.40 since its launch\.$/);
    assert.match(note(runningRow({ use_spot: true }), seen(undefined)) ?? '', /the cloud took the Spot machine back/);
    assert.match(note(runningRow(), seen(is('UP'), active('down')), seen(undefined)) ?? '', /own command/);
  });

  it('stays until something else happens', () => {
    const stopped = seen(is('STOPPED'));
    assert.equal(note(runningRow(), stopped, stopped), note(runningRow(), stopped));
    assert.equal(note(runningRow(), stopped, seen(is('UP'))), null);
    const gone = note(runningRow(), seen(undefined));
    assert.equal(note(runningRow(), seen(undefined), seen(undefined)), gone);
  });

  it('says nothing of what we do ourselves', () => {
    const ours = seen(is('STOPPED'), { operation: 'cluster.stop' });
    assert.equal(note(runningRow(), ours), null);
  });
});
