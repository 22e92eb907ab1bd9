import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import { ConflictError } from '../../../src/protocol/errors.ts';
import { Picker } from '../../../src/providers/commands/pick.ts';
import type { LearnerSession } from '../../../src/providers/learner/learner-session.ts';
import type { LearnerStatus } from '../../../src/providers/model/learner-status.ts';
import { EMPTY_STATE, withEvent, type ModelState } from '../../../src/providers/model/state.ts';
import { fakeVscode } from './fake-vscode.ts';
import { seatEvent, workshopEvent } from './fixtures.ts';
import { view } from './learner-setup.ts';

const TAUGHT = [workshopEvent(), seatEvent({ seat: 1 }), seatEvent({ seat: 2, learner: 'Alice' })].reduce(
  withEvent,
  EMPTY_STATE,
);

/** A picker that starts no control plane unnoticed; of several choices the last is taken. */
function setUp(state: ModelState, sessions: readonly { status: LearnerStatus; view: ReturnType<typeof view> }[]) {
  const seen: { starts: number; offered: string[] } = { starts: 0, offered: [] };
  const window: unknown = {
    showQuickPick: (items: vscode.QuickPickItem[]) => {
      seen.offered = items.map(({ label, detail }) => `${label} of ${detail}`);
      return Promise.resolve(items.at(-1));
    },
  };
  const vs = { l10n: fakeVscode.l10n, window: window as typeof vscode.window };
  const service = {
    state,
    connected: () => {
      seen.starts += 1;
      return Promise.resolve({} as never);
    },
    refresh: () => Promise.resolve(),
  };
  const all: unknown = sessions;
  return { picker: new Picker(vs, service, { all: all as LearnerSession[] }), seen };
}

const mine = { status: { kind: 'joined' }, view: view({ workshop: { ...view().workshop, id: 'ws-one' } }) } as const;

describe('choosing a seat', () => {
  it("takes one's own seat where there is no other, and starts no control plane for it", async () => {
    const { picker, seen } = setUp(EMPTY_STATE, [mine]);
    assert.equal((await picker.seat({}, 'openable'))?.seat.seat, 2);
    assert.equal((await picker.seat({ workshop: 'ws-one', seat: 2 }, 'openable'))?.seat.learner, 'Alice');
    assert.equal(seen.starts, 0);
  });

  it('offers each seat once to somebody who is both', async () => {
    const { picker, seen } = setUp(TAUGHT, [mine]);
    await picker.seat({}, 'openable');
    assert.deepEqual(seen.offered, ['Seat 2 of Intro', 'Seat 1 of Intro']);
  });

  it("gives a learner nothing that is the teacher's", async () => {
    const { picker } = setUp(EMPTY_STATE, [mine]);
    for (const flag of ['resettable', 'freeable']) await assert.rejects(picker.seat({}, flag), ConflictError, flag);
    const taught = setUp(TAUGHT, []);
    assert.equal((await taught.picker.seat({}, 'freeable'))?.seat.seat, 2);
  });

  it('tells somebody who only learns why their seat cannot be had, and starts no control plane for it', async () => {
    const stopped = view({ seat: { ...view().seat, status: 'stopped' } });
    const session = { status: { kind: 'joined' }, view: stopped, workshopId: 'ws-one', workshopName: 'Intro', seat: 2 };
    const { picker, seen } = setUp(EMPTY_STATE, [session as typeof mine]);
    for (const target of [{}, { workshop: 'ws-one', seat: 2 }])
      await assert.rejects(picker.seat(target, 'openable'), /Seat 2 of "Intro" does not run now/);
    const freed = setUp(EMPTY_STATE, [{ ...session, status: { kind: 'freed' } } as never]);
    await assert.rejects(freed.picker.seat({}, 'openable'), /has freed your seat in "Intro"/);
    assert.equal(seen.starts + freed.seen.starts, 0);
  });

  it('passes over a seat that is not theirs any more', async () => {
    const { picker } = setUp(EMPTY_STATE, [{ ...mine, status: { kind: 'freed' } }]);
    await assert.rejects(picker.seat({}, 'openable'), ConflictError);
  });
});
