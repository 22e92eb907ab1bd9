import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { SEAT_STATUSES, WORKSHOP_STATUSES } from '../../../src/protocol/workshop.ts';
import { ICON, nodeId } from '../../../src/providers/model/nodes.ts';
import { operationRow, phaseRow, phasesOf } from '../../../src/providers/model/operation-row.ts';
import { seatFacts, seatRow, seatTitle } from '../../../src/providers/model/seat-row.ts';
import { EMPTY_STATE, linesOf, withEvent } from '../../../src/providers/model/state.ts';
import { workshopFacts, workshopRow } from '../../../src/providers/model/workshop-row.ts';
import { at, NOON, operation, progressEvent, seat, t, workshop } from './fixtures.ts';

const live = { stale: false, now: NOON, t };
const stale = { ...live, stale: true };

describe('the row of a workshop', () => {
  it('says its state, who has joined, and when it ends', () => {
    const seats = [seat({ learner: 'Alice' }), seat({ seat: 2, learner: 'Bob' }), seat({ seat: 3 })];
    const row = workshopRow(workshop({ runtime: 'qemu' }), seats, live);
    assert.equal(row.description, 'running · MicroVMs (QEMU) · 2 of 3 joined · ends 17:00');
  });

  it('says what it costs, and where nothing keeps its seats apart', () => {
    assert.match(
      workshopRow(workshop({ price_per_hour: 0.18, runtime: 'qemu' }), [], live).description,
      / · \$0\.18\/h · /,
    );
    assert.match(workshopRow(workshop(), [], live).description, /^running · processes: no isolation · /);
    assert.match(
      workshopRow(workshop({ status: 'stopped' }), [], live).description,
      /^stopped · processes: no isolation · files kept$/,
    );
  });

  it('says what its seats are, and how fast, as far as its worker has told', () => {
    const worker = { name: 'local-qemu', zone: null, ip: null, status: 'healthy', deadline: null } as const;
    const row = (accelerated: boolean | null) => {
      const workers = [{ ...worker, price_per_hour: 0, accelerated }];
      return workshopRow(workshop({ runtime: 'qemu', workers }), [], live).description;
    };
    assert.match(row(true), /^running · MicroVMs \(QEMU, KVM\) · /);
    assert.match(row(false), /^running · MicroVMs \(QEMU, emulated: slow\) · /);
    assert.match(row(null), /^running · MicroVMs \(QEMU\) · /);
    assert.match(workshopRow(workshop({ runtime: 'auto', status: 'created' }), [], live).description, /^created$/);
  });

  it('names the date of an end that is far away', () => {
    const row = workshopRow(workshop({ expires_at: at(50 * 3_600_000) }), [], live);
    assert.match(row.description, /ends \D*16\D*,? 14:00/);
  });

  it('tells the error', () => {
    const error = { code: 'TIMED_OUT' as const, message: 'No seat answered.' };
    const row = workshopRow(workshop({ status: 'error', error }), [], live);
    assert.match(row.description, /^error · processes: no isolation · No seat answered\./);
    assert.deepEqual(row.icon, ICON.error);
  });

  it('has the flags of its state', () => {
    const flags = (status: (typeof WORKSHOP_STATUSES)[number]) => workshopRow(workshop({ status }), [], live).flags;
    assert.deepEqual(flags('running'), ['workshop', 'stoppable', 'deletable', 'joinable']);
    assert.deepEqual(flags('stopped'), ['workshop', 'startable', 'deletable', 'joinable']);
    assert.deepEqual(flags('deleting'), ['workshop']);
  });

  it('is marked when it may be out of date, and says so aloud', () => {
    for (const status of WORKSHOP_STATUSES) {
      assert.deepEqual(workshopRow(workshop({ status }), [], stale).icon, ICON.warning);
    }
    assert.match(workshopRow(workshop(), [], stale).spoken, /^Workshop Intro, running .*, may be out of date$/);
    assert.deepEqual(workshopRow(workshop(), [], live).icon, { id: 'pass-filled', color: 'testing.iconPassed' });
  });

  it('names who has joined, as many as a tooltip holds', () => {
    const names = (count: number) => {
      const seats = Array.from({ length: count }, (_one, index) => seat({ seat: index + 1, learner: `L${index + 1}` }));
      return new Map(workshopFacts(workshop(), [...seats, seat({ seat: 99 })], NOON, t)).get('Learners');
    };
    assert.equal(names(0), undefined);
    assert.equal(names(2), 'L1 (seat 1), L2 (seat 2)');
    assert.match(names(30) ?? '', /^L1 \(seat 1\), .*, L20 \(seat 20\) and 10 more$/);
  });

  it('has facts for whoever asks', () => {
    const facts = new Map(workshopFacts(workshop(), [seat({ learner: 'Alice' })], NOON, t));
    assert.equal(facts.get('Join code'), 'ABCD-2345');
    assert.equal(facts.get('Seats'), '3, 1 joined');
    assert.match(facts.get('Isolation') ?? '', /^none/);
    assert.equal(facts.get('Seats are'), 'processes: no isolation');
    const machines = new Map(workshopFacts(workshop({ runtime: 'firecracker' }), [], NOON, t));
    assert.equal(machines.get('Seats are'), 'MicroVMs (Firecracker)');
    assert.equal(machines.get('Isolation'), 'each seat is a machine of its own');
  });
});

describe('the row of a seat', () => {
  it('says what it is doing', () => {
    const text = (changes: Parameters<typeof seat>[0]) => seatRow(seat(changes), live).description;
    assert.equal(text({}), 'free');
    assert.equal(text({ connected: true }), 'connected');
    assert.equal(text({ learner: 'Alice' }), 'Alice · joined');
    assert.equal(text({ learner: 'Alice', connected: true }), 'Alice · connected');
    assert.equal(text({ status: 'booting' }), 'booting…');
    const error = { code: 'UNAVAILABLE' as const, message: 'worker preempted' };
    assert.equal(text({ status: 'lost', learner: 'Bob', error }), 'Bob · lost 12:00: worker preempted');
  });

  it('has an icon for each state, and another where it may be out of date', () => {
    const icons = Object.fromEntries(SEAT_STATUSES.map((status) => [status, seatRow(seat({ status }), live).icon]));
    assert.deepEqual(icons, {
      pending: ICON.onTheWay,
      booting: ICON.onTheWay,
      ready: ICON.free,
      unhealthy: ICON.error,
      resetting: ICON.onTheWay,
      stopped: ICON.stopped,
      lost: ICON.warning,
    });
    assert.deepEqual(seatRow(seat({ learner: 'Alice' }), live).icon, ICON.running);
    assert.deepEqual(seatRow(seat(), stale).icon, ICON.warning);
  });

  it('may be opened only when it is ready', () => {
    const openable = SEAT_STATUSES.filter((status) => seatRow(seat({ status }), live).flags.includes('openable'));
    assert.deepEqual(openable, ['ready']);
  });

  it('names its terminal', () => {
    assert.equal(seatTitle(3, 'Alice', t), 'Seat 3 · Alice');
    assert.equal(seatTitle(3, null, t), 'Seat 3');
  });

  it('has facts for whoever asks', () => {
    const facts = new Map(seatFacts(seat({ learner: 'Alice', joined_at: at(0) }), NOON, t));
    assert.equal(facts.get('Learner'), 'Alice');
    assert.equal(facts.get('Joined'), '12:00');
  });
});

describe('the rows of an operation', () => {
  const lines = (...events: ReturnType<typeof progressEvent>[]) =>
    linesOf(events.reduce(withEvent, EMPTY_STATE), 'op-one');

  it('say its phases, what was last said in each, and how long each took', () => {
    const told = lines(
      progressEvent('worker', 'Starting the agent', 0),
      progressEvent('worker', 'Agent healthy', 900),
      progressEvent('seats', 'Seat 1 of 2', 2_000),
      progressEvent('seats', '2 seats', 5_000),
    );
    const ended = operation({ status: 'succeeded', ended_at: at(48_000) });
    const phases = phasesOf(ended, told);
    assert.deepEqual(
      phases.map((phase) => [phaseRow(phase, live).label, phaseRow(phase, live).description]),
      [
        ['Agent healthy', '2 s'],
        ['2 seats', '46 s'],
      ],
    );
    assert.equal(operationRow(ended, live).description, '48 s');
    assert.deepEqual(operationRow(ended, live).icon, ICON.done);
  });

  it('show the last phase as running, failed or cancelled with the operation', () => {
    const told = lines(progressEvent('worker', 'Agent', 0), progressEvent('seats', 'Seats', 1_000));
    const statuses = (status: 'running' | 'failed' | 'cancelled') =>
      phasesOf(operation({ status }), told).map((phase) => phase.status);
    assert.deepEqual(statuses('running'), ['succeeded', 'running']);
    assert.deepEqual(statuses('failed'), ['succeeded', 'failed']);
    assert.deepEqual(statuses('cancelled'), ['succeeded', 'cancelled']);
  });

  it('grow while it runs, and can be cancelled only then', () => {
    const later = { ...live, now: NOON + 125_000 };
    const row = operationRow(operation(), later);
    assert.equal(row.description, 'running · 2 min 5 s');
    assert.ok(row.flags.includes('cancellable'));
    assert.ok(!operationRow(operation({ status: 'failed', ended_at: at(1_000) }), later).flags.includes('cancellable'));
  });

  it('say why it failed', () => {
    const error = { code: 'DISK_FULL' as const, message: 'The disk is full.' };
    const row = operationRow(operation({ status: 'failed', ended_at: at(1_000), error }), live);
    assert.equal(row.description, 'failed · 1 s · The disk is full.');
  });

  it('are in doubt where the state may be out of date, unless they have ended', () => {
    assert.deepEqual(operationRow(operation(), stale).icon, ICON.warning);
    assert.deepEqual(operationRow(operation({ status: 'succeeded', ended_at: at(1) }), stale).icon, ICON.done);
  });

  it('take a line without a phase to the phase before it', () => {
    const phases = phasesOf(
      operation(),
      lines(
        progressEvent(undefined, 'Begun', 0),
        progressEvent('seats', 'Seats', 5),
        progressEvent(undefined, 'More', 9),
      ),
    );
    assert.deepEqual(
      phases.map(({ name, message }) => [name, message]),
      [
        ['Begun', 'Begun'],
        ['seats', 'More'],
      ],
    );
  });
});

describe('the ids of rows', () => {
  it('are unique and hold nothing that changes', () => {
    const ids = [
      nodeId({ kind: 'workshop', workshop: 'ws-one' }),
      nodeId({ kind: 'seat', workshop: 'ws-one', seat: 1 }),
      nodeId({ kind: 'operation', operation: 'op-one' }),
      nodeId({ kind: 'phase', operation: 'op-one', phase: 'seats' }),
    ];
    assert.deepEqual(ids, [
      'workshop/ws-one',
      'workshop/ws-one/seat/1',
      'operation/op-one',
      'operation/op-one/phase/seats',
    ]);
  });
});
