import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { decideIdle, GRACE_MS, type IdleFacts } from '../../../../../src/provisioning/cluster/idle/idle.ts';

const MINUTE = 60_000;
const SECOND = 1_000;
const DAY = 24 * 60 * MINUTE;
/** What the watch does at most. */
const CHECK_EVERY = MINUTE;

/** A stretch of a day; windows stay open through all of it. */
interface Stretch {
  readonly kind: 'typing' | 'saving' | 'job' | 'job and typing' | 'nothing' | 'unreachable';
  readonly minutes: number;
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  kind: fc.constantFrom('typing', 'saving', 'job', 'job and typing', 'nothing', 'nothing', 'unreachable'),
  minutes: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 240 })),
});

interface Stop {
  readonly at: number;
  readonly announcedFor: number;
  readonly announcedSince: number;
  /** When somebody last worked, or a job last ran, really; and when the server could last not be asked. */
  readonly workedAt: number;
  readonly unreachableAt: number;
}

/** Plays a day in steps of 10 s as the watch would see it, until the server is stopped. */
function play(day: readonly Stretch[], limitMinutes: number): { stop: Stop | undefined } {
  let activityAt = 0;
  let announcedMs: number | null = null;
  let announcedSince = 0;
  let workedAt = 0;
  let unreachableAt = -Infinity;
  let now = 0;
  for (const { kind, minutes } of [...day, { kind: 'nothing', minutes: DAY / MINUTE } as const]) {
    for (const until = now + minutes * MINUTE; now < until; now += 10 * SECOND) {
      const types = kind === 'typing' || kind === 'job and typing' || (kind === 'saving' && now % (4 * MINUTE) === 0);
      const runs = kind === 'job' || kind === 'job and typing';
      if (types || runs) workedAt = now;
      // An editor tells of typing at most once a minute.
      const seen = activityAt;
      if (types && now - activityAt >= MINUTE) activityAt = now;
      if (kind === 'unreachable') unreachableAt = now;
      if (now % CHECK_EVERY !== 0) continue;
      const busy = kind === 'unreachable' ? null : runs;
      if (busy === true) activityAt = now;
      if (activityAt !== seen) announcedMs = null;
      const decision = decideIdle({ idleMs: now - activityAt, limitMinutes, announcedMs, busy });
      if (decision.kind === 'stop') {
        assert.ok(!types && !runs, `stopped at ${now / MINUTE} min, although somebody works`);
        const announcedFor = activityAt + (announcedMs ?? NaN);
        const stop = { at: now, announcedFor, announcedSince, workedAt, unreachableAt };
        return { stop };
      }
      if (decision.kind === 'warn' && announcedMs === null) announcedSince = now;
      announcedMs = decision.kind === 'warn' ? decision.atMs : null;
    }
  }
  return { stop: undefined };
}

describe('idle', () => {
  it('stops within 5 min of the limit, and never while somebody types or a job runs, on 200 days', () => {
    const day = fc.array(stretch, { minLength: 1, maxLength: 30 });
    const limit = fc.oneof(fc.integer({ min: 4, max: 120 }), fc.constant(30));
    let stops = 0;
    fc.assert(
      fc.property(day, limit, (stretches, limitMinutes) => {
        const { stop } = play(stretches, limitMinutes);
        assert.ok(stop, 'a day of nothing at the end, and it still runs');
        stops++;
        const idle = stop.at - stop.workedAt;
        // The last job was seen at most one check before it ended, and typing is told at most once a minute.
        assert.ok(idle >= limitMinutes * MINUTE - 2 * CHECK_EVERY, `idle for ${idle / MINUTE} of ${limitMinutes} min`);
        const due = Math.max(stop.workedAt + limitMinutes * MINUTE, stop.unreachableAt);
        assert.ok(stop.at <= due + 5 * MINUTE, `stopped ${(stop.at - due) / MINUTE} min late`);
        assert.ok(stop.at >= stop.announcedFor, 'stopped before the announced time');
        const grace = Math.min(GRACE_MS, (limitMinutes / 2) * MINUTE);
        assert.ok(stop.at - stop.announcedSince >= grace - CHECK_EVERY, 'stopped without a warning in time');
      }),
      { numRuns: 200 },
    );
    assert.ok(stops >= 200);
  });

  const idle: IdleFacts = { idleMs: 100 * MINUTE, limitMinutes: 30, announcedMs: null, busy: false };

  it('warns 5 min before, then stops', () => {
    assert.deepEqual(decideIdle({ ...idle, idleMs: 24.9 * MINUTE }), { kind: 'active' });
    const warned = decideIdle({ ...idle, idleMs: 25 * MINUTE });
    assert.deepEqual(warned, { kind: 'warn', atMs: 30 * MINUTE });
    assert.deepEqual(decideIdle({ ...idle, idleMs: 29 * MINUTE, announcedMs: 30 * MINUTE }), warned);
    assert.deepEqual(decideIdle({ ...idle, idleMs: 30 * MINUTE, announcedMs: 30 * MINUTE }), { kind: 'stop' });
    assert.deepEqual(
      decideIdle({ ...idle, idleMs: 11 * MINUTE, warnMinutes: 20 }),
      { kind: 'active' },
      'half of the limit',
    );
    assert.equal(decideIdle({ ...idle, idleMs: 15 * MINUTE, warnMinutes: 20 }).kind, 'warn');
  });

  it('announces a stop before it, however late it comes', () => {
    const { idleMs } = idle;
    const announcedMs = idleMs + GRACE_MS;
    assert.deepEqual(decideIdle(idle), { kind: 'warn', atMs: announcedMs });
    assert.equal(decideIdle({ ...idle, idleMs: idleMs + 1, announcedMs }).kind, 'warn');
    assert.equal(decideIdle({ ...idle, idleMs: announcedMs, announcedMs }).kind, 'stop');
  });

  it('takes an announcement back when somebody works again', () => {
    const announced = { ...idle, idleMs: 29 * MINUTE, announcedMs: 30 * MINUTE };
    assert.deepEqual(decideIdle({ ...announced, idleMs: 0.1 * MINUTE }), { kind: 'active' });
    assert.deepEqual(decideIdle({ ...announced, busy: true }), { kind: 'active' });
  });

  it('stops nothing where nobody can tell whether a job runs, or where the limit is 0', () => {
    const announced = { ...idle, announcedMs: 30 * MINUTE };
    assert.equal(decideIdle({ ...announced, idleMs: 29 * MINUTE, busy: null }).kind, 'warn');
    // Its time has passed: it would be a lie from here on.
    assert.equal(decideIdle({ ...announced, busy: null }).kind, 'active');
    assert.equal(decideIdle({ ...announced, announcedMs: null, busy: null }).kind, 'active');
    assert.equal(decideIdle({ ...announced, busy: false }).kind, 'stop');
    assert.deepEqual(decideIdle({ ...announced, limitMinutes: 0 }), { kind: 'never' });
  });
});
