import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { REASON, UnreachableError } from '../../../src/client/unreachable.ts';
import { UnauthorizedError, UnavailableError } from '../../../src/protocol/errors.ts';
import { seatSubject, workshopSubject } from '../../../src/protocol/operation.ts';
import { LearnerSession } from '../../../src/providers/learner/learner-session.ts';
import type { LearnerKind } from '../../../src/providers/model/learner-status.ts';
import { deletedEvent, seat, seatEvent, t, workshopEvent } from './fixtures.ts';
import { FakeServer, joined, LEARNER_TOKEN, view } from './learner-setup.ts';

const quiet = { info: () => undefined, warn: () => undefined };

function follow(server: FakeServer, record = joined()) {
  let changed = Promise.withResolvers<undefined>();
  const session = new LearnerSession({
    record,
    connect: () => Promise.resolve(server.client),
    changed: () => {
      changed.resolve(undefined);
      changed = Promise.withResolvers();
    },
    log: quiet,
    t,
  });
  session.start();
  const until = async (holds: () => boolean) => {
    while (!holds()) await changed.promise;
  };
  return { session, until, is: (kind: LearnerKind) => until(() => session.status.kind === kind) };
}

/** Runs with a session that is joined. */
async function joinedAt(
  work: (rig: { server: FakeServer } & ReturnType<typeof follow>) => Promise<void>,
  record = joined(),
) {
  const server = new FakeServer();
  const rig = follow(server, record);
  try {
    await rig.is('joined');
    await work({ server, ...rig });
  } finally {
    rig.session.dispose();
  }
}

describe('a joined workshop', () => {
  it('is what its server tells, and follows each change', () =>
    joinedAt(async ({ server, session, until }) => {
      assert.deepEqual(session.view, view());
      server.tell(seatEvent({ seat: 2, learner: 'Alice', connected: true }));
      await until(() => session.view?.seat.connected === true);
      server.tell(workshopEvent({ status: 'stopping' }));
      await until(() => session.view?.workshop.status === 'stopping');
      server.tell(seatEvent({ seat: 2, learner: 'Alicia' }));
      await until(() => session.view?.name === 'Alicia');
      assert.equal(server.looks, 1);
    }));

  it('is not concerned by the seats of others, nor by other workshops', () =>
    joinedAt(async ({ server, session, until }) => {
      server.tell(seatEvent({ seat: 1, learner: 'Bob' }));
      server.tell(seatEvent({ workshop_id: 'ws-other', seat: 2, learner: null }));
      server.tell(workshopEvent({ id: 'ws-other', name: 'Other' }));
      server.tell(deletedEvent(workshopSubject('ws-other')));
      server.tell(workshopEvent({ name: 'Later' }));
      await until(() => session.workshopName === 'Later');
      assert.equal(session.view?.seat.learner, 'Alice');
      assert.equal(session.status.kind, 'joined');
    }));

  it('is looked at anew where events were missed', () =>
    joinedAt(async ({ server, session, until }) => {
      server.told = view({ seat: seat({ seat: 2, learner: 'Alice', connected: true }) });
      server.tell({ timestamp: new Date().toISOString(), type: 'reset', message: '', subject: '' });
      await until(() => session.view?.seat.connected === true);
    }));

  it('keeps what was known while its server is away, and comes back by itself', () =>
    joinedAt(async ({ server, session, is }) => {
      server.away();
      server.endStream();
      await is('stale');
      assert.deepEqual(session.view, view());
      server.failure = undefined;
      session.poke();
      await is('joined');
    }));

  it('says that the seat was freed, and tries no more', () =>
    joinedAt(async ({ server, session, is }) => {
      server.forget();
      server.tell(seatEvent({ seat: 2, learner: null }));
      await is('freed');
      await assert.rejects(session.access(), (error: Error) => {
        assert.ok(error instanceof UnauthorizedError);
        assert.match(error.message, /^Your teacher has freed your seat in "Intro"\./);
        assert.equal(error.details?.['next'], 'join');
        return true;
      });
      assert.equal(server.accesses, 0);
      // Its connection goes a moment after.
      for (let turn = 0; turn < 100 && server.followed; turn += 1) await nextTurn();
      assert.equal(server.followed, false);
    }));

  it('says that the workshop was deleted', () =>
    joinedAt(async ({ server, session, is }) => {
      server.tell(deletedEvent(workshopSubject('ws-one')));
      await is('gone');
      await assert.rejects(session.access(), /^UnavailableError: "Intro" was deleted, and your seat with it\.$/);
    }));

  it('does not take the deletion of something else for its own', () =>
    joinedAt(async ({ server, session, until }) => {
      server.tell(deletedEvent(seatSubject('ws-one', 1)));
      server.tell(workshopEvent({ name: 'Later' }));
      await until(() => session.workshopName === 'Later');
      assert.equal(session.status.kind, 'joined');
    }));

  it('says that it is one of both where it was not told which', async () => {
    const server = new FakeServer();
    server.forget();
    const { session, is } = follow(server);
    await is('unknown');
    await assert.rejects(session.access(), /your seat was freed, or the workshop was deleted/);
    session.dispose();
  });

  it('says that its token is too old', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url');
    const old = { ...joined().seat, learner_token: `head.${claims}.sign` };
    const server = new FakeServer();
    server.forget();
    const { session, is } = follow(server, joined({ seat: old }));
    await is('expired');
    await assert.rejects(session.access(), /Join again with the same link/);
    session.dispose();
  });

  it('gets into its seat with tokens of its own, and learns there, too, that it is over', () =>
    joinedAt(async ({ server, session }) => {
      assert.equal((await session.access()).token, 'seat-token-1');
      assert.equal((await session.access()).token, 'seat-token-2');
      server.away();
      await assert.rejects(session.access(), UnavailableError);
      assert.equal(session.status.kind, 'joined');
      server.forget();
      await assert.rejects(session.access(), /your seat was freed, or the workshop was deleted/);
      assert.equal(session.status.kind, 'unknown');
    }));

  it('tells of a server that is away once, and again where that shows another certificate', () =>
    joinedAt(async ({ server, session, until, is }) => {
      server.away();
      await session.refresh();
      await is('stale');
      const { status } = session;
      assert.ok(status.kind === 'stale');
      server.failure = new UnreachableError('It shows another one.', REASON.notPinned);
      session.poke();
      await until(() => session.status !== status);
      assert.deepEqual(session.status, { ...status, error: server.failure });
    }));

  it('makes its connection anew where a look fails', () =>
    joinedAt(async ({ server, session, is }) => {
      server.away();
      await session.refresh();
      await is('stale');
      server.failure = undefined;
      await session.refresh();
      await is('joined');
    }));

  it('tells nothing after its end, and its token to no log', async () => {
    const lines: string[] = [];
    const server = new FakeServer();
    server.away();
    let changes = 0;
    const stale = Promise.withResolvers<undefined>();
    const session = new LearnerSession({
      record: joined(),
      connect: () => Promise.resolve(server.client),
      changed: () => {
        changes += 1;
        stale.resolve(undefined);
      },
      log: { info: (line) => lines.push(line), warn: (line) => lines.push(line) },
      t,
    });
    session.start();
    await stale.promise;
    session.dispose();
    const before = changes;
    await assert.rejects(session.access());
    assert.equal(changes, before);
    assert.ok(lines.length > 0);
    for (const secret of [LEARNER_TOKEN, joined().rejoin_code, joined().code])
      assert.ok(!lines.join().includes(secret));
  });
});
