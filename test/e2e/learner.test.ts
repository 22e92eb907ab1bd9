/** Learners against a real control plane, agent and seats: what their token opens, and how a seat is taken from them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { SeatFiles } from '../../src/client/seat-files.ts';
import type { Access, Joined } from '../../src/protocol/access.ts';
import { NotFoundError, NotRunningError, UnauthorizedError } from '../../src/protocol/errors.ts';
import type { CarapaceEvent } from '../../src/protocol/event.ts';
import type { Seat, Workshop } from '../../src/protocol/workshop.ts';
import { kill } from '../support/processes.ts';
import {
  call,
  death,
  end,
  ended,
  succeeded,
  TestState,
  until,
  type TestControlPlane,
} from './control-plane-harness.ts';

/** A stream of events that is read until it ends. */
interface Reading {
  readonly events: CarapaceEvent[];
  readonly ended: Promise<void>;
  isOver(): boolean;
  stop(): void;
}

function read(client: ControlPlaneClient, lastEventId?: number): Reading {
  const events: CarapaceEvent[] = [];
  const stop = new AbortController();
  let over = false;
  const options = { signal: stop.signal, ...(lastEventId !== undefined && { lastEventId }) };
  const run = async (): Promise<void> => {
    try {
      for await (const { event } of client.events(options)) events.push(event);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      over = true;
    }
  };
  return { events, ended: run(), isOver: () => over, stop: () => stop.abort(new Error('read enough')) };
}

function seatOf({ resource }: CarapaceEvent): Seat | undefined {
  return resource !== undefined && 'seat' in resource ? resource.seat : undefined;
}

/** When the workshop ends that an event is about. */
function endOf({ resource }: CarapaceEvent): string | undefined {
  return resource !== undefined && 'workshop' in resource ? resource.workshop.expires_at : undefined;
}

async function openTerminal(access: Access, workshopId: string, seat: number): Promise<WebSocket> {
  const url = `${access.endpoint.replace(/^http/, 'ws')}/proxy/${workshopId}/${seat}/terminal`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${access.token}` } });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  return socket;
}

describe('a learner', function () {
  this.timeout(120_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  let teacher: ControlPlaneClient;
  let workshop: Workshop;

  beforeEach(async () => {
    state = new TestState();
    controlPlane = await state.serve();
    teacher = controlPlane.client;
    const created = await teacher.createWorkshop({ name: 'Intro', seats: 2 });
    await succeeded(teacher, created.operation);
    workshop = created.workshop;
  });
  afterEach(() => state.dispose());

  const learner = ({ learner_token }: Joined): ControlPlaneClient =>
    new ControlPlaneClient({ url: controlPlane.file.url, token: learner_token });
  const joinAs = (name: string, rejoin_code?: string): Promise<Joined> =>
    teacher.join({ code: workshop.code, name, ...(rejoin_code !== undefined && { rejoin_code }) });
  const files = (access: Access, seat: number): SeatFiles => new SeatFiles({ access, workshopId: workshop.id, seat });

  /** The files in a seat that do not come with it. */
  const names = async (access: Access, seat: number): Promise<string[]> =>
    (await files(access, seat).list('')).map(({ name }) => name).filter((name) => !name.startsWith('.'));

  it('sees their seat and its workshop, renews their access, and opens nothing of the teacher’s', async () => {
    const ada = await joinAs('Ada');
    const view = await learner(ada).learner();
    assert.equal(view.name, 'Ada');
    assert.deepEqual([view.seat.seat, view.seat.learner, view.seat.worker], [1, 'Ada', null]);
    assert.deepEqual([view.workshop.id, view.workshop.workers, view.workshop.price_per_hour], [workshop.id, [], null]);
    assert.equal(view.workshop.endpoint, ada.endpoint);
    const renewed = await learner(ada).learnerAccess();
    await files(renewed, 1).list('');
    for (const path of [
      '/api/workshops',
      `/api/workshops/${workshop.id}/learners`,
      '/api/operations',
      '/api/cluster',
    ]) {
      const { status } = await call(controlPlane, 'GET', path, { token: ada.learner_token });
      assert.equal(status, 403, path);
    }
    const free = await call(controlPlane, 'DELETE', `/api/workshops/${workshop.id}/learners/1`, {
      token: ada.learner_token,
    });
    assert.equal(free.status, 403);
    assert.equal((await call(controlPlane, 'GET', '/api/learner')).status, 403, 'the teacher is no learner');
    assert.equal((await call(controlPlane, 'GET', '/api/learner', { token: null })).status, 401);
    assert.equal((await call(controlPlane, 'GET', '/api/learner', { token: ada.token })).status, 401);
  });

  it('is told of their own seat alone, in the picture and in the stream', async () => {
    const ada = await joinAs('Ada');
    const reading = read(learner(ada));
    await until('the picture is told', () => (reading.events.length >= 3 ? true : undefined));
    const bob = await joinAs('Bob');
    const all = read(learner(bob), 0);
    const terminal = await openTerminal(bob, workshop.id, 2);
    await until('the teacher sees Bob', async () =>
      (await teacher.listSeats(workshop.id))[1]?.connected === true ? true : undefined,
    );
    terminal.close();
    const operation = await teacher.extendWorkshop(workshop.id, 600);
    await succeeded(teacher, operation);
    const { expires_at } = await teacher.getWorkshop(workshop.id);
    await until('the new end is told', () =>
      [reading, all].every(({ events }) => events.some((event) => endOf(event) === expires_at)) ? true : undefined,
    );
    reading.stop();
    all.stop();
    await Promise.all([reading.ended, all.ended]);
    for (const [{ events }, seat, other] of [
      [reading, 1, 'Bob'],
      [all, 2, 'Ada'],
    ] as const) {
      const told = JSON.stringify(events);
      assert.ok(!told.includes(other), `${other} is nobody's business`);
      assert.ok(!told.includes(operation.id));
      assert.ok(events.every((event) => (seatOf(event)?.seat ?? seat) === seat));
      assert.ok(!/"workers":\[\{|"price_per_hour":0/.test(told), 'neither workers nor prices');
      assert.ok(events.some((event) => event.resource !== undefined && 'workshop' in event.resource));
    }
    assert.deepEqual(
      all.events.flatMap((event) => seatOf(event)?.learner ?? []).filter((name) => name !== 'Bob'),
      [],
    );
  });

  it('loses their seat: files, open connections, tokens and events, and may join anew as somebody else', async () => {
    const code = 'rejoin-code-of-ada-1234';
    const ada = await joinAs('Ada', code);
    await files(ada, 1).write('secret.txt', Buffer.from('mine'));
    const reading = read(learner(ada));
    await until('the picture is told', () => (reading.events.length >= 3 ? true : undefined));
    const terminal = await openTerminal(ada, workshop.id, 1);
    const cut = new Promise((resolve) => terminal.once('close', resolve));
    const teachers = await teacher.access(workshop.id, 1, 'instructor');
    const operation = await teacher.freeSeat(workshop.id, 1);
    assert.equal(operation.kind, 'seat.reset');
    assert.equal((await teacher.freeSeat(workshop.id, 1)).id, operation.id, 'the same again is the same');
    await reading.ended;
    const last = reading.events.at(-1);
    assert.deepEqual([last && seatOf(last)?.seat, last && seatOf(last)?.learner], [1, null], 'they are told why');
    await cut;
    await succeeded(teacher, operation);
    await assert.rejects(learner(ada).learner(), UnauthorizedError);
    await assert.rejects(learner(ada).learnerAccess(), UnauthorizedError);
    assert.equal((await call(controlPlane, 'GET', '/api/events', { token: ada.learner_token })).status, 401);
    await assert.rejects(files(ada, 1).list(''), UnauthorizedError);
    await assert.rejects(openTerminal(ada, workshop.id, 1), /401/);
    await files(teachers, 1).list('');
    await assert.rejects(teacher.freeSeat(workshop.id, 1), NotFoundError);
    await assert.rejects(teacher.freeSeat(workshop.id, 7), NotFoundError);
    assert.deepEqual(await teacher.listLearners(workshop.id), []);

    const again = await joinAs('Ada', code);
    assert.equal(again.seat, 1);
    assert.notEqual(again.learner_token, ada.learner_token, 'a new learner');
    assert.deepEqual(await names(again, 1), []);
    (await openTerminal(again, workshop.id, 1)).close();
    await assert.rejects(files(ada, 1).list(''), UnauthorizedError, 'the old token stays out');
  });

  it('stays out after the agent and the control plane were started again, until the workshop is gone', async () => {
    const ada = await joinAs('Ada');
    await succeeded(teacher, await teacher.freeSeat(workshop.id, 1));
    const revocations = join(state.home, 'worker/revocations.json');
    assert.deepEqual(Object.keys(JSON.parse(readFileSync(revocations, 'utf8')) as object), [`${workshop.id}/1`]);
    await end(controlPlane);
    for (const pid of state.processIds('agent.cjs')) kill(pid);
    controlPlane = await state.serve();
    teacher = controlPlane.client;
    const access = await until('the agent is back', () =>
      teacher.access(workshop.id, 1, 'instructor').catch(() => undefined),
    );
    await until('the seat is back', () =>
      files(access, 1)
        .list('')
        .catch(() => undefined),
    );
    const old = { ...ada, endpoint: access.endpoint };
    await assert.rejects(files(old, 1).list(''), UnauthorizedError);
    const bob = await joinAs('Bob');
    assert.equal(bob.seat, 1);
    await files(bob, 1).list('');
    await succeeded(teacher, await teacher.deleteWorkshop(workshop.id));
    assert.ok(!existsSync(revocations));
    state.assertNothingIsLeft();
  });

  it('has lost the seat for good wherever the control plane dies while it is taken', async () => {
    for (const place of ['begin:after', 'seat.reset:before', 'seat.reset:after', 'finish:before']) {
      const ada = await joinAs('Ada');
      await files(ada, 1).write('secret.txt', Buffer.from('mine'));
      await end(controlPlane);
      controlPlane = await state.serve({ CARAPACE_CRASH_AT: place });
      await controlPlane.client.freeSeat(workshop.id, 1).catch(() => undefined);
      await death(controlPlane);
      controlPlane = await state.serve();
      teacher = controlPlane.client;
      const [operation] = (await teacher.listOperations()).filter(({ kind }) => kind === 'seat.reset');
      await succeeded(teacher, operation ?? null);
      await assert.rejects(learner(ada).learner(), UnauthorizedError, place);
      const bob = await joinAs('Bob');
      assert.equal(bob.seat, 1, place);
      assert.deepEqual(await names(bob, 1), [], place);
      await assert.rejects(files({ ...ada, endpoint: bob.endpoint }, 1).list(''), UnauthorizedError, place);
      await succeeded(teacher, await teacher.freeSeat(workshop.id, 1));
    }
  });

  it('loses a seat of a stopped workshop: it is emptied when that is started', async () => {
    const ada = await joinAs('Ada');
    await files(ada, 1).write('secret.txt', Buffer.from('mine'));
    const bob = await joinAs('Bob');
    await files(bob, 2).write('kept.txt', Buffer.from('his'));
    await succeeded(teacher, await teacher.stopWorkshop(workshop.id));
    await assert.rejects(joinAs('Carol'), NotRunningError);
    const operation = await teacher.freeSeat(workshop.id, 1);
    assert.equal((await ended(teacher, operation)).status, 'succeeded');
    await succeeded(teacher, await teacher.startWorkshop(workshop.id));
    const carol = await joinAs('Carol');
    assert.equal(carol.seat, 1);
    assert.deepEqual(await names(carol, 1), []);
    const back = await joinAs('Bob', bob.rejoin_code);
    assert.deepEqual(await names(back, 2), ['kept.txt']);
  });

  it('is seen by the teacher at once as they join, connect and leave', async () => {
    // By the quick look at who is connected: the slow one, at everything, does not come.
    await end(controlPlane);
    controlPlane = await state.serve({ CARAPACE_TIMING: JSON.stringify({ monitorMs: 3_600_000 }) });
    teacher = controlPlane.client;
    const reading = read(teacher);
    await until('the picture is told', () => (reading.events.length > 3 ? true : undefined));
    /** Milliseconds from doing something to the teacher's being told. */
    const seen = async (what: string, act: () => unknown, holds: (seat: Seat) => boolean): Promise<number> => {
      const from = reading.events.length;
      const begun = performance.now();
      await act();
      await until(what, () => {
        const told = reading.events.slice(from).map(seatOf);
        return told.some((seat) => seat !== undefined && holds(seat)) ? true : undefined;
      });
      return performance.now() - begun;
    };
    let joined: Joined | undefined;
    let socket: WebSocket | undefined;
    const times = [
      await seen(
        'they joined',
        async () => (joined = await joinAs('Ada')),
        ({ learner }) => learner === 'Ada',
      ),
      await seen(
        'they connected',
        async () => (socket = await openTerminal(joined!, workshop.id, 1)),
        ({ connected }) => connected,
      ),
      await seen(
        'they left',
        () => socket?.close(),
        ({ connected }) => !connected,
      ),
    ];
    console.log(`      joined, connected, left: seen after ${times.map(Math.round).join(', ')} ms`);
    reading.stop();
    await reading.ended;
  });
});
