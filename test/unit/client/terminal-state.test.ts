import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { BACKOFF, backoffMs } from '../../../src/client/backoff.ts';
import { InputBuffer, MAX_UNACKNOWLEDGED_BYTES } from '../../../src/client/terminal/input-buffer.ts';
import { OutputCursor } from '../../../src/client/terminal/output-cursor.ts';
import {
  INITIAL_STATE,
  MAX_FIRST_ATTEMPTS,
  MAX_REFUSALS,
  reduce,
  type ReconnectEvent,
  type ReconnectState,
} from '../../../src/client/terminal/reconnect-state.ts';
import {
  ConflictError,
  ForbiddenError,
  InternalError,
  NotFoundError,
  TooLargeError,
  UnauthorizedError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import { TERMINAL } from '../../../src/protocol/terminal.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const lost: ReconnectEvent = { type: 'failed', error: new UnavailableError('gone'), random: 0.5 };
const over: ReconnectEvent = { type: 'delay-over' };
const connected: ReconnectEvent = { type: 'connected' };
const closed = (code: number): ReconnectEvent => ({ type: 'closed', code, random: 0.5 });
const run = (...events: ReconnectEvent[]): ReconnectState => events.reduce(reduce, INITIAL_STATE);

describe('backoffMs', () => {
  it('stays within 250 ms and 30 s, and its ceiling doubles', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2000 }), random, (attempt, chance) => {
        const wait = backoffMs(attempt, chance);
        assert.ok(wait >= BACKOFF.minMs && wait <= BACKOFF.maxMs);
        assert.ok(wait <= BACKOFF.minMs * 2 ** (attempt + 1));
      }),
    );
    assert.ok(backoffMs(20, 0.999) > 29_000);
    assert.equal(backoffMs(20, 0), BACKOFF.minMs);
  });
});

describe('reconnect state', () => {
  const anyEvent: fc.Arbitrary<ReconnectEvent> = fc.oneof(
    fc.constantFrom(connected, over, { type: 'exited' } as const, { type: 'disposed' } as const),
    fc.record({
      type: fc.constant('failed' as const),
      error: fc.constantFrom(new UnavailableError(''), new UnauthorizedError(''), new ForbiddenError('')),
      random,
    }),
    fc.record({
      type: fc.constant('closed' as const),
      code: fc.constantFrom(1000, 1006, 1009, 4001, 4004, 4009),
      random,
    }),
  );

  it('keeps its invariants over any sequence of events', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        let state = INITIAL_STATE;
        for (const event of events) {
          const next = reduce(state, event);
          if (state.phase === 'ended') assert.equal(next, state);
          if (next.phase === 'waiting') assert.ok(next.delayMs >= BACKOFF.minMs && next.delayMs <= BACKOFF.maxMs);
          if (next.phase === 'connected') assert.equal(next.failures, 0);
          if (next.failure !== undefined) assert.equal(next.phase, 'ended');
          assert.ok(!state.established || next.established);
          state = next;
        }
      }),
    );
  });

  it('never gives up on a network that is gone, once it was connected', () => {
    let state = run(connected);
    for (let attempt = 0; attempt < 200; attempt += 1) state = reduce(reduce(state, lost), over);
    assert.equal(state.phase, 'connecting');
    assert.equal(state.renewAccess, true);
  });

  it('goes back where it was after a drop, and asks where to go when that fails', () => {
    assert.equal(run(connected, lost).renewAccess, false);
    assert.equal(run(connected, lost, over, lost).renewAccess, true);
    assert.equal(run(connected, closed(4001)).renewAccess, true);
  });

  it('gives up a first connection that does not come about', () => {
    let state = INITIAL_STATE;
    for (let attempt = 1; attempt < MAX_FIRST_ATTEMPTS; attempt += 1) state = reduce(reduce(state, lost), over);
    assert.equal(state.phase, 'connecting');
    state = reduce(state, lost);
    assert.ok(state.failure instanceof UnavailableError);
  });

  it('tries fresh tokens a few times', () => {
    let state = run(connected);
    for (let attempt = 1; attempt < MAX_REFUSALS; attempt += 1) state = reduce(reduce(state, closed(4001)), over);
    assert.equal(state.phase, 'connecting');
    assert.ok(reduce(state, closed(4001)).failure instanceof UnauthorizedError);
  });

  it('knows what is for good', () => {
    assert.match(run(connected, closed(4004)).failure?.message ?? '', /the shell has ended meanwhile/i);
    assert.ok(run(connected, closed(4004)).failure instanceof NotFoundError);
    assert.ok(run(closed(4004)).failure instanceof NotFoundError);
    assert.ok(run(connected, closed(4009)).failure instanceof ConflictError);
    assert.ok(run(connected, closed(1002)).failure instanceof ConflictError);
    const forbidden = run(connected, { type: 'failed', error: new ForbiddenError('no'), random: 0 });
    assert.ok(forbidden.failure instanceof ForbiddenError);
    for (const code of [1000, 1001, 1006, 1011, 1012]) assert.equal(run(connected, closed(code)).phase, 'waiting');
  });
});

describe('OutputCursor', () => {
  it('hands on every byte once and in order, wherever connections begin and are cut', () => {
    const total = 5_000;
    const output = Buffer.from(Array.from({ length: total }, (_, index) => index % 251));
    const attempt = fc.record({ back: fc.nat({ max: 300 }), frames: fc.array(fc.integer({ min: 0, max: 400 })) });
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 30 }), (attempts) => {
        const cursor = new OutputCursor();
        const got: Uint8Array[] = [];
        for (const { back, frames } of [...attempts, { back: 0, frames: [total] }]) {
          // The server may begin before the place that it was asked for; it must not begin after.
          let at = Math.max(0, (cursor.offset ?? 0) - back);
          assert.equal(cursor.begin(at, 0), 0);
          for (const size of frames) {
            got.push(cursor.take(output.subarray(at, at + size)));
            at = Math.min(total, at + size);
          }
        }
        assert.deepEqual(Buffer.concat(got), output);
      }),
    );
  });

  it('tells what was lost', () => {
    const cursor = new OutputCursor();
    assert.equal(cursor.begin(1000, 1000), 1000);
    cursor.take(Buffer.alloc(10));
    assert.equal(cursor.begin(1500, 490), 490);
    assert.equal(cursor.offset, 1500);
    assert.equal(cursor.take(Buffer.alloc(5)).length, 5);
  });
});

describe('InputBuffer', () => {
  it('delivers every byte once and in order over connections that are cut anywhere', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), size: fc.integer({ min: 0, max: 150_000 }) }),
      fc.record({ do: fc.constant('send' as const), arrives: fc.nat({ max: 6 }), acknowledge: fc.boolean() }),
      fc.record({ do: fc.constant('cut' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const buffer = new InputBuffer();
        const written: Buffer[] = [];
        const received: Uint8Array[] = [];
        let has = 0;
        let count = 0;
        const deliver = (pieces: number): void => {
          for (let index = 0; index < pieces; index += 1) {
            const piece = buffer.take();
            if (piece === undefined) return;
            assert.ok(piece.length <= TERMINAL.frameBytes);
            received.push(piece);
            has += piece.length;
          }
        };
        for (const action of steps) {
          if (action.do === 'write') {
            const bytes = Buffer.from(Array.from({ length: action.size }, () => (count += 1) % 251));
            written.push(Buffer.from(bytes));
            buffer.append(bytes);
            bytes.fill(0);
          } else if (action.do === 'send') {
            deliver(action.arrives);
            if (action.acknowledge) buffer.acknowledge(has);
          } else {
            // What was taken and did not arrive is sent again.
            for (let index = 0; index < 3; index += 1) buffer.take();
            buffer.resumeFrom(has);
          }
        }
        while (buffer.size > 0) {
          deliver(100);
          buffer.acknowledge(has);
        }
        assert.deepEqual(Buffer.concat(received), Buffer.concat(written));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps less under way than what makes the server stop reading', () => {
    const buffer = new InputBuffer();
    buffer.append(Buffer.alloc(3 * TERMINAL.inputBytes));
    let taken = 0;
    for (let piece = buffer.take(); piece !== undefined; piece = buffer.take()) taken += piece.length;
    assert.equal(taken, TERMINAL.inputBytes / 2);
    buffer.acknowledge(TERMINAL.frameBytes);
    assert.equal(buffer.take()?.length, TERMINAL.frameBytes);
    assert.equal(buffer.take(), undefined);
  });

  it('counts what the program has not taken yet over all connections', () => {
    const buffer = new InputBuffer();
    buffer.append(Buffer.alloc(3 * TERMINAL.inputBytes));
    while (buffer.take() !== undefined);
    buffer.resumeFrom(TERMINAL.inputBytes / 2);
    assert.equal(buffer.take(), undefined);
    buffer.acknowledge(TERMINAL.frameBytes);
    assert.equal(buffer.take()?.length, TERMINAL.frameBytes);
    assert.equal(buffer.take(), undefined);
  });

  it('gathers keystrokes that wait', () => {
    const buffer = new InputBuffer();
    for (const key of 'hello') buffer.append(Buffer.from(key));
    assert.equal(Buffer.from(buffer.take()!).toString(), 'hello');
  });

  it('refuses what is too much, and loses nothing of what it has', () => {
    const buffer = new InputBuffer();
    buffer.append(Buffer.alloc(MAX_UNACKNOWLEDGED_BYTES - 1));
    assert.throws(() => buffer.append(Buffer.alloc(2)), TooLargeError);
    assert.equal(buffer.size, MAX_UNACKNOWLEDGED_BYTES - 1);
    buffer.append(Buffer.alloc(1));
    assert.equal(buffer.size, MAX_UNACKNOWLEDGED_BYTES);
  });

  it('refuses counts that cannot be', () => {
    const buffer = new InputBuffer();
    buffer.append(Buffer.from('abc'));
    assert.throws(() => buffer.acknowledge(4), InternalError);
    buffer.take();
    buffer.acknowledge(3);
    assert.throws(() => buffer.resumeFrom(2), InternalError);
  });
});
