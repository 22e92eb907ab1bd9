import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { CHECKS } from '../../../../src/cli/qa/checks.ts';
import { PLAYBOOK, QA_ACTIONS, QA_CHECKS } from '../../../../src/lib/playbook.ts';

const steps = PLAYBOOK.flatMap(({ steps }) => steps);

function assertUnique(ids: readonly string[]): void {
  assert.deepEqual(ids, [...new Set(ids)]);
}

describe('the QA playbook', () => {
  it('has unique ids', () => {
    assertUnique(PLAYBOOK.map(({ id }) => id));
    for (const { steps } of PLAYBOOK) assertUnique(steps.map(({ id }) => id));
    for (const { verify } of steps) assertUnique(verify.map(({ check }) => check));
    for (const { id } of [...PLAYBOOK, ...steps]) assert.match(id, /^[a-z]+(-[a-z]+)*$/);
  });

  it('names only checks that are there, and uses each of them and each action', () => {
    assert.deepEqual(Object.keys(CHECKS).sort(), [...QA_CHECKS].sort());
    const used = new Set(steps.flatMap(({ verify }) => verify.map(({ check }) => check)));
    assert.deepEqual([...used].sort(), [...QA_CHECKS].sort());
    assert.deepEqual([...new Set(steps.map(({ action }) => action))].sort(), [...QA_ACTIONS].sort());
  });

  it('has every scenario that was asked for', () => {
    const ids = PLAYBOOK.map(({ id }) => id);
    for (const id of [
      'launch',
      'status',
      'stop',
      'start',
      'destroy',
      'vault-mounts',
      'missing-skypilot',
      'missing-credentials',
      'duplicate-launch',
    ]) {
      assert.ok(ids.includes(id), id);
    }
  });

  it('verifies something in each step, and says what needs money', () => {
    for (const { title, verify } of steps) assert.ok(verify.length > 0, title);
    for (const { id, needs, billed, steps } of PLAYBOOK) {
      const launches = needs !== 'no_server' || steps.some(({ action }) => action === 'launch');
      assert.equal(billed, launches, id);
    }
  });
});
