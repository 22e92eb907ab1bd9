import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { UnreachableError } from '../../../src/client/unreachable.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';
import { SEAT_STATUSES } from '../../../src/protocol/workshop.ts';
import { formatLeft } from '../../../src/client/format.ts';
import { joinedFacts, joinedRow, mySeatRow, type JoinedFacts } from '../../../src/providers/model/learner-row.ts';
import type { LearnerStatus } from '../../../src/providers/model/learner-status.ts';
import { ICON, nodeId } from '../../../src/providers/model/nodes.ts';
import { seatRow } from '../../../src/providers/model/seat-row.ts';
import { EMPTY_STATE, withEvent } from '../../../src/providers/model/state.ts';
import { runningSeats } from '../../../src/providers/model/summary.ts';
import { at, NOON, seat, seatEvent, t, workshop, workshopEvent } from './fixtures.ts';
import { view } from './learner-setup.ts';

const context = { now: NOON, t };
const MINUTE = 60_000;

function facts(changes: Partial<JoinedFacts> = {}): JoinedFacts {
  const told = view({ workshop: workshop({ expires_at: at(72 * MINUTE) }) });
  const status: LearnerStatus = { kind: 'joined' };
  return {
    status,
    workshopName: 'Intro',
    seat: 2,
    code: 'ABCD2345',
    host: 'class.example.org',
    view: told,
    ...changes,
  };
}

describe('the row of a joined workshop', () => {
  it('says which seat is theirs, and for how long', () => {
    const row = joinedRow(facts(), context);
    assert.equal(row.label, 'Intro');
    assert.equal(row.description, 'your seat 2 · 1 h 12 min left');
    assert.equal(row.spoken, 'Workshop Intro, joined, your seat 2 · 1 h 12 min left');
    assert.deepEqual(row.icon, ICON.joined);
    assert.deepEqual(row.flags, ['joined', 'linkable', 'leavable']);
  });

  it('says how the workshop is where it does not run', () => {
    const told = view({ workshop: workshop({ status: 'stopped' }) });
    assert.equal(joinedRow(facts({ view: told }), context).description, 'your seat 2 · stopped');
  });

  it('says that it may be out of date, and since when', () => {
    const status: LearnerStatus = { kind: 'stale', since: NOON - MINUTE, error: new UnavailableError('Gone.') };
    const row = joinedRow(facts({ status }), context);
    assert.equal(row.description, 'your seat 2 · out of reach since 11:59');
    assert.deepEqual(row.icon, ICON.warning);
    assert.match(row.spoken, /may be out of date$/);
    assert.deepEqual(mySeatRow(facts({ status }), context)?.icon, ICON.warning);
  });

  it('says that the certificate of the server is what is wrong, and what to do', () => {
    for (const [reason, description, sentence, flag] of [
      ['CERT_NOT_PINNED', 'another certificate: join again', /Join again if your teacher says/, 'rejoinable'],
      ['DEPTH_ZERO_SELF_SIGNED_CERT', 'another certificate: join again', /Join again/, 'rejoinable'],
      ['CERT_HAS_EXPIRED', 'certificate expired', /Tell your teacher/, 'linkable'],
      ['CERT_NOT_YET_VALID', 'certificate not valid yet', /Check the clock/, 'linkable'],
    ] as const) {
      const error = new UnreachableError('It shows a certificate.', reason);
      const told = facts({ status: { kind: 'stale', since: NOON - MINUTE, error } });
      const row = joinedRow(told, context);
      assert.equal(row.description, `your seat 2 · ${description}`);
      assert.deepEqual(row.flags, ['joined', flag, 'leavable']);
      assert.match(joinedFacts(told, context)[0]?.[1] ?? '', sentence);
    }
  });

  it('says what has become of the seat, and keeps no row for it', () => {
    for (const [kind, description] of [
      ['freed', 'your seat was freed'],
      ['gone', 'deleted'],
      ['unknown', 'seat freed or workshop deleted'],
      ['expired', 'your seat 2 · expired: join again'],
    ] as const) {
      const over = facts({ status: { kind } });
      assert.equal(joinedRow(over, context).description, description);
      assert.equal(mySeatRow(over, context), undefined);
      const flags = kind === 'gone' ? ['joined', 'leavable'] : ['joined', 'rejoinable', 'leavable'];
      assert.deepEqual(joinedRow(over, context).flags, flags);
      assert.notEqual(joinedFacts(over, context)[0]?.[1], undefined);
    }
  });

  it('has none of the flags of a teacher, whatever its seat is', () => {
    for (const status of SEAT_STATUSES) {
      const row = mySeatRow(facts({ view: view({ seat: seat({ seat: 2, status, learner: 'Alice' }) }) }), context);
      for (const flag of ['resettable', 'freeable', 'seat']) assert.ok(row?.flags.includes(flag) === false, flag);
      assert.equal(row?.flags.includes('openable'), status === 'ready');
    }
    for (const flag of ['workshop', 'joinable', 'startable', 'stoppable', 'deletable'])
      assert.ok(!joinedRow(facts(), context).flags.includes(flag), flag);
  });

  it("has an id of its own beside the teacher's", () => {
    const ids = [
      nodeId({ kind: 'workshop', workshop: 'ws-one' }),
      nodeId({ kind: 'joined', workshop: 'ws-one' }),
      nodeId({ kind: 'seat', workshop: 'ws-one', seat: 2 }),
      nodeId({ kind: 'mySeat', workshop: 'ws-one', seat: 2 }),
    ];
    assert.equal(new Set(ids).size, ids.length);
  });

  it('tells in its tooltip where it is, and how to find it again', () => {
    const told = Object.fromEntries(joinedFacts(facts(), context));
    assert.deepEqual(told, {
      'Your seat': '2 · Alice',
      Status: 'running',
      Ends: '13:12, 1 h 12 min left; files are kept',
      Server: 'class.example.org',
      'Join code': 'ABCD-2345',
    });
  });
});

describe('the time that is left', () => {
  it('is told in the units that a person plans with', () => {
    for (const [minutes, text] of [
      [-1, 'time is up'],
      [0.5, 'less than a minute left'],
      [12.9, '12 min left'],
      [60, '1 h 0 min left'],
      [47 * 60 + 59, '47 h 59 min left'],
      [3 * 24 * 60, '3 days left'],
    ] as const)
      assert.equal(formatLeft(minutes * MINUTE, t), text);
  });
});

describe('a seat that somebody has joined', () => {
  it('can be freed by its teacher, as long as it can be reset', () => {
    const flags = (changes: object) => seatRow(seat(changes), { stale: false, ...context }).flags;
    assert.ok(flags({ learner: 'Alice' }).includes('freeable'));
    assert.ok(!flags({ learner: null }).includes('freeable'));
    assert.ok(!flags({ learner: 'Alice', status: 'resetting' }).includes('freeable'));
  });

  it('counts once in the badge, also for somebody who is both', () => {
    const mine = [{ workshopId: 'ws-one', view: view() }];
    assert.equal(runningSeats(EMPTY_STATE, mine), 1);
    assert.equal(runningSeats(EMPTY_STATE, [{ workshopId: 'ws-one', view: undefined }]), 0);
    const both = [workshopEvent(), seatEvent({ seat: 2, learner: 'Alice' })].reduce(withEvent, EMPTY_STATE);
    assert.equal(runningSeats(both, mine), 1);
  });
});
