import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { planLook, type LookFacts } from '../../../../src/provisioning/cluster/look-plan.ts';

const TIMING = { observeMs: 15_000, observeBusyMs: 3_000, observeQuietMs: 300_000 };
const NOW = 1_000_000_000;

function plan(change: Partial<LookFacts>) {
  const facts: LookFacts = {
    ...{ now: NOW, status: 'running', operation: undefined, watched: false, wanted: false },
    ...{ lookedAt: NOW, refreshedAt: NOW, ...change },
  };
  return planLook(facts, TIMING);
}

describe('when the cluster is looked at', () => {
  it('is never, where there is none and nobody looks', () => {
    assert.equal(plan({ status: 'no_server', lookedAt: 0, refreshedAt: 0 }).afterMs, Infinity);
  });
  it('is now and then where there is one and nobody looks', () => {
    assert.deepEqual(plan({}), { kind: 'refresh', afterMs: 300_000 });
    assert.equal(plan({ refreshedAt: NOW - 300_000 }).afterMs, 0);
  });
  it('is often enough to see a change within 30 s while somebody looks', () => {
    assert.deepEqual(plan({ watched: true }), { kind: 'refresh', afterMs: 15_000 });
    assert.equal(plan({ watched: true, refreshedAt: NOW - 100_000 }).afterMs, 0);
    assert.deepEqual(plan({ watched: true, status: 'no_server' }), { kind: 'find', afterMs: 15_000 });
  });
  it('is more often by SkyPilot’s own record while an operation runs', () => {
    const operation = 'cluster.launch';
    assert.deepEqual(plan({ operation, watched: true, refreshedAt: 0 }), { kind: 'cache', afterMs: 3_000 });
    assert.deepEqual(plan({ operation, wanted: true }), { kind: 'cache', afterMs: 3_000 });
  });
  it('is at once where something has just happened', () => {
    assert.deepEqual(plan({ wanted: true }), { kind: 'refresh', afterMs: 0 });
  });
});
