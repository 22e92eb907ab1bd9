import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeJwt, SignJWT } from 'jose';
import { seatClaimsSchema } from '../../../src/protocol/access.ts';
import {
  InvalidInputError,
  NoSeatsError,
  NotFoundError,
  NotRunningError,
  SlowDownError,
  UnauthorizedError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import { showCode } from '../../../src/protocol/names.ts';
import { LocalWorkers } from '../../../src/provisioning/workers/local/local-workers.ts';
import { JoinLimiter, JOIN_FAILURES } from '../../../src/provisioning/workshop/join-limiter.ts';
import { Joining } from '../../../src/provisioning/workshop/joining.ts';
import { addWorkshop, openStore, workerOf, type TestStore } from './fixtures.ts';

const ADDRESS = '192.0.2.1';

/** A worker that lives as far as joining can see. */
function joiningOf(test: TestStore, limiter = new JoinLimiter()): Joining {
  const worker = workerOf(test);
  worker.isAlive = () => true;
  return new Joining({ store: test.store, records: test.records, workers: new LocalWorkers([worker]), limiter });
}

describe('joining', () => {
  let test: TestStore;
  let joining: Joining;
  beforeEach(() => {
    test = openStore();
    joining = joiningOf(test);
  });
  afterEach(() => test.dispose());

  it('never gives a seat to two learners, and a learner never two seats, however joins and repeats mix', async () => {
    const attempts = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), attempts, async (seats, people) => {
        const { code, id } = addWorkshop(test, { seats });
        const answers = await Promise.allSettled(
          people.map((person) => joining.join({ code, rejoin_code: `rejoin-code-of-person-${person}` }, ADDRESS)),
        );
        const seatOf = new Map<number, number>();
        for (const [index, answer] of answers.entries()) {
          const person = people[index]!;
          if (answer.status === 'rejected') {
            assert.ok(answer.reason instanceof NoSeatsError);
            continue;
          }
          assert.equal(seatOf.get(person) ?? answer.value.seat, answer.value.seat, 'one seat for one learner');
          seatOf.set(person, answer.value.seat);
        }
        const taken = [...seatOf.values()];
        assert.equal(new Set(taken).size, taken.length, 'one learner for one seat');
        assert.equal(taken.length, Math.min(seats, new Set(people).size));
        assert.deepEqual(
          test.store.learners.of(id).map(({ seat }) => seat),
          taken.sort((a, b) => a - b),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('lets a learner in and back, with tokens for that seat alone', async () => {
    const workshop = addWorkshop(test);
    const typed = showCode(workshop.code).toLowerCase();
    const joined = await joining.join({ code: typed, name: 'Ada' }, ADDRESS);
    assert.equal(joined.seat, 1);
    assert.equal(joined.endpoint, 'http://127.0.0.1:1');
    const claims = seatClaimsSchema.parse(decodeJwt(joined.token));
    assert.deepEqual(
      { ...claims, exp: 0, iat: 0 },
      { workshop_id: workshop.id, seat: 1, role: 'learner', name: 'Ada', exp: 0, iat: 0 },
    );
    assert.ok(Math.abs((claims.iat ?? 0) - Date.now() / 1000) < 60);
    assert.ok(claims.exp <= Date.now() / 1000 + 12 * 3600);
    assert.equal((await joining.learnerOf(joined.learner_token))?.seat, 1);
    const back = await joining.join({ code: typed, name: 'Ada L.', rejoin_code: joined.rejoin_code }, ADDRESS);
    assert.equal(back.seat, 1);
    assert.equal(back.learner_token, joined.learner_token);
    assert.deepEqual(
      test.records.learners(workshop.id).map(({ name }) => name),
      ['Ada L.'],
    );
    assert.equal((await joining.join({ code: typed }, ADDRESS)).seat, 2);
    assert.equal(test.records.seats(workshop.id)[1]?.learner, 'Learner 2');
  });

  it('keeps no rejoin code, and takes none that somebody else could guess', async () => {
    const { code, id } = addWorkshop(test);
    const { rejoin_code } = await joining.join({ code }, ADDRESS);
    assert.ok(!JSON.stringify([test.store.learners.of(id), test.told()]).includes(rejoin_code));
    await assert.rejects(joining.join({ code, rejoin_code: 'short' }, ADDRESS), InvalidInputError);
    assert.equal((await joining.join({ code, rejoin_code: 'made-up-by-the-client' }, ADDRESS)).seat, 2);
    assert.equal((await joining.join({ code, rejoin_code: 'made-up-by-the-client' }, ADDRESS)).seat, 2);
  });

  it('refuses with the reason', async () => {
    const stopped = addWorkshop(test, { status: 'stopped' });
    const booting = addWorkshop(test, {}, { status: 'booting' });
    const full = addWorkshop(test, { seats: 1 });
    await joining.join({ code: full.code }, ADDRESS);
    await assert.rejects(joining.join({ code: stopped.code }, ADDRESS), NotRunningError);
    await assert.rejects(joining.join({ code: booting.code }, ADDRESS), UnavailableError);
    await assert.rejects(joining.join({ code: full.code }, ADDRESS), NoSeatsError);
    await assert.rejects(joining.join({ code: 'nonsense' }, ADDRESS), NotFoundError);
    assert.deepEqual(test.store.learners.of(booting.id), []);
  });

  it('slows down who tries codes, and nobody who joins', async () => {
    const { code } = addWorkshop(test, { seats: 30 });
    const other = addWorkshop(test);
    for (let n = 0; n < 25; n += 1) await joining.join({ code }, ADDRESS);
    for (let n = 0; n < JOIN_FAILURES.limit; n += 1) {
      await assert.rejects(joining.join({ code: '22222222' }, ADDRESS), NotFoundError);
    }
    await assert.rejects(
      joining.join({ code: '22222222' }, ADDRESS),
      (error) => error instanceof SlowDownError && Number(error.details?.['retry_after_seconds']) > 0,
    );
    await joining.join({ code: other.code }, ADDRESS);
    await joining.join({ code }, ADDRESS);
    await joining.join({ code: other.code }, '192.0.2.2');
  });

  it('takes right codes for guesses where one address has tried hundreds, but for workshops that are joined there', async () => {
    const known = addWorkshop(test, { seats: 30 });
    const other = addWorkshop(test);
    await joining.join({ code: known.code }, ADDRESS);
    const wrong = async (): Promise<void> => {
      await joining.join({ code: '22222222' }, ADDRESS).catch(() => undefined);
    };
    for (let n = 0; n < JOIN_FAILURES.guesses - 1; n += 1) await wrong();
    await joining.join({ code: other.code }, ADDRESS);
    const late = addWorkshop(test);
    await wrong();
    await assert.rejects(joining.join({ code: late.code }, ADDRESS), SlowDownError, 'a right guess is no proof');
    await joining.join({ code: known.code }, ADDRESS);
    await joining.join({ code: late.code }, '192.0.2.2');
  });

  it('refuses who comes after its time', async () => {
    const over = addWorkshop(test, { expires_at: new Date(Date.now() - 1).toISOString() });
    await assert.rejects(
      joining.join({ code: over.code }, ADDRESS),
      (error) => error instanceof NotRunningError && error.message.includes('Ask your teacher for more.'),
    );
  });

  it('gives nobody a way into a seat that was taken from them while its agent was waited for', async () => {
    const { code, id } = addWorkshop(test);
    const { learner_token } = await joining.join({ code, name: 'Ada' }, ADDRESS);
    const ada = await joining.learnerOf(learner_token);
    assert.ok(ada);
    const worker = workerOf(test);
    worker.isAlive = () => false;
    worker.visit = async () => {
      test.records.removeLearner(ada);
      await Promise.resolve();
      return undefined;
    };
    const { store, records } = test;
    const workers = new LocalWorkers([worker]);
    const waiting = new Joining({ store, records, workers, limiter: new JoinLimiter() });
    await assert.rejects(waiting.learnerAccess(ada), UnauthorizedError);
    assert.equal(store.seats.find(id, 1)?.generation, 1);
  });

  it('tells a learner why they cannot come in, and not what a teacher does about it', async () => {
    const { code, id } = addWorkshop(test);
    const { learner_token } = await joining.join({ code }, ADDRESS);
    const learner = await joining.learnerOf(learner_token);
    assert.ok(learner);
    test.records.changeWorkshop(id, { status: 'stopping' });
    test.records.changeWorkshop(id, { status: 'stopped' });
    await assert.rejects(
      joining.learnerAccess(learner),
      (error) => error instanceof NotRunningError && error.message.includes('ask your teacher to start it'),
    );
  });

  it('gives the teacher access that takes no seat', async () => {
    const { id } = addWorkshop(test);
    const access = await joining.access(id, 2, 'instructor');
    const claims = seatClaimsSchema.parse(decodeJwt(access.token));
    assert.equal(claims.role, 'instructor');
    assert.equal(claims.seat, 2);
    assert.deepEqual(test.store.learners.of(id), []);
    await assert.rejects(joining.access(id, 4, 'instructor'), NotFoundError);
  });

  it('knows no learner by a foreign token, nor one whose workshop is gone', async () => {
    const { code, id } = addWorkshop(test);
    const { token, learner_token } = await joining.join({ code }, ADDRESS);
    const key = new TextEncoder().encode('another key, as long as it has to be');
    const forged = await new SignJWT({ sub: String(decodeJwt(learner_token).sub), aud: 'carapace-learner' })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(key);
    for (const foreign of [token, forged, 'nonsense']) assert.equal(await joining.learnerOf(foreign), undefined);
    test.records.removeWorkshop(id);
    assert.equal(await joining.learnerOf(learner_token), undefined);
  });
});

describe('the limiter of joining', () => {
  it('forgets failures after their time', () => {
    let now = 0;
    const limiter = new JoinLimiter(() => now);
    for (let n = 0; n < JOIN_FAILURES.limit; n += 1) {
      now = n * 1000;
      limiter.check(ADDRESS, undefined);
      limiter.failed(ADDRESS);
    }
    const retryAfter = (): unknown => {
      try {
        limiter.check(ADDRESS, undefined);
      } catch (error) {
        return error instanceof SlowDownError ? error.details?.['retry_after_seconds'] : error;
      }
      return 0;
    };
    assert.equal(retryAfter(), JOIN_FAILURES.windowMs / 1000 - (JOIN_FAILURES.limit - 1));
    now = JOIN_FAILURES.windowMs - 1;
    assert.equal(retryAfter(), 1);
    now = JOIN_FAILURES.windowMs;
    assert.equal(retryAfter(), 0);
  });
});
