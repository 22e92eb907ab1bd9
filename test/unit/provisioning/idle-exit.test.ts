import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Idleness } from '../../../src/provisioning/idle-exit.ts';

describe('a control plane in the background', () => {
  it('is idle once nothing has needed it for as long as that', () => {
    const idleness = new Idleness(1_000, 50);
    assert.ok(!idleness.isOver(1_049));
    assert.ok(idleness.isOver(1_050));
  });

  it('is needed anew by everything that uses it', () => {
    const idleness = new Idleness(1_000, 0);
    idleness.used(900);
    assert.ok(!idleness.isOver(1_899));
    assert.ok(idleness.isOver(1_900));
    idleness.used(5_000);
    assert.ok(!idleness.isOver(5_999));
  });
});
