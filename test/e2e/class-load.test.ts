/** A whole class at once: a real control plane whose agent is a stub, since seats are not what is measured. */
import assert from 'node:assert/strict';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { Joined } from '../../src/protocol/access.ts';
import { NoSeatsError, NotFoundError } from '../../src/protocol/errors.ts';
import type { Resource } from '../../src/protocol/event.ts';
import { randomText } from '../../src/protocol/names.ts';
import type { Workshop } from '../../src/protocol/workshop.ts';
import { timesText } from '../support/figures.ts';
import { call, succeeded, TestState, type TestControlPlane } from './control-plane-harness.ts';

const CLASS = 300;
/** Wrong codes that an address has before it is limited. */
const WRONG_CODES = 20;
const REJOIN_CODE_LENGTH = 26;

interface Timed<T> {
  readonly ms: number;
  readonly value: T | undefined;
  readonly error: unknown;
}

/** Does the same many times at once; tells how long each took and how it ended. */
async function atOnce<T>(count: number, act: (index: number) => Promise<T>): Promise<Timed<T>[]> {
  const begun = performance.now();
  return Promise.all(
    Array.from({ length: count }, async (_, index): Promise<Timed<T>> => {
      try {
        const value = await act(index);
        return { ms: performance.now() - begun, value, error: undefined };
      } catch (error) {
        return { ms: performance.now() - begun, value: undefined, error };
      }
    }),
  );
}

function report(what: string, results: readonly Timed<unknown>[]): void {
  const failures = results.filter(({ error }) => error !== undefined).length;
  console.log(`      ${what}: ${timesText(results.map(({ ms }) => ms))}, ${failures} of ${results.length} failed`);
}

describe('a class that comes all at once', function () {
  this.timeout(180_000);
  let state: TestState;
  let controlPlane: TestControlPlane;

  beforeEach(async () => {
    state = new TestState();
    state.useFakeAgent({ capacity: 1_000 });
    controlPlane = await state.serve();
  });
  afterEach(() => state.dispose());

  async function runningWorkshop(seats: number): Promise<Workshop> {
    const { workshop, operation } = await controlPlane.client.createWorkshop({ seats });
    await succeeded(controlPlane.client, operation);
    return workshop;
  }

  /** Each learner has connections of their own, as on a machine of their own. */
  function learner(token = ''): ControlPlaneClient {
    return new ControlPlaneClient({ url: controlPlane.file.url, token });
  }

  function join(workshop: Workshop, name: string, rejoin_code?: string): Promise<Joined> {
    return learner().join({ code: workshop.code, name, ...(rejoin_code !== undefined && { rejoin_code }) });
  }

  it(`seats ${CLASS} learners, each on a seat of their own, and tells each of theirs`, async () => {
    const workshop = await runningWorkshop(CLASS);
    const joins = await atOnce(CLASS, (index) => join(workshop, `Learner ${index}`));
    report(`${CLASS} joins at once`, joins);
    const joined = joins.flatMap(({ value }) => value ?? []);
    assert.equal(joined.length, CLASS, String(joins.find(({ error }) => error !== undefined)?.error));
    assert.equal(new Set(joined.map(({ seat }) => seat)).size, CLASS, 'no seat is given twice');
    const roster = await controlPlane.client.listLearners(workshop.id);
    const names = new Map(roster.map(({ seat, name }) => [seat, name]));
    for (const [index, { value }] of joins.entries()) assert.equal(names.get(value!.seat), `Learner ${index}`);

    const stop = new AbortController();
    const screens = joined.map((seat) => new Screen(seat, learner(seat.learner_token), stop.signal));
    const opened = await atOnce(CLASS, (index) => screens[index]!.sawSeat);
    report(`${CLASS} event streams opened at once, until the own seat is told`, opened);
    assert.deepEqual(opened.find(({ error }) => error !== undefined)?.error, undefined);

    // What the teacher does now reaches every open stream.
    const begun = performance.now();
    await controlPlane.client.extendWorkshop(workshop.id, 600);
    const told = await atOnce(CLASS, (index) => screens[index]!.sawExtension);
    report(`a change until each of the ${CLASS} is told`, told);
    console.log(`      the teacher's own answer came within ${(performance.now() - begun).toFixed(0)} ms of asking`);
    assert.deepEqual(told.find(({ error }) => error !== undefined)?.error, undefined);
    const curious = screens.filter(({ seats }) => seats.size !== 1).length;
    assert.equal(curious, 0, 'learners were told of the seats of others');
    stop.abort();
    await Promise.all(screens.map(({ ended }) => ended));
  });

  it(`tells each of ${CLASS} learners who join and watch at once of their own seat`, async () => {
    const workshop = await runningWorkshop(CLASS);
    const stop = new AbortController();
    const screens: Screen[] = [];
    const came = await atOnce(CLASS, async (index) => {
      const joined = await join(workshop, `Learner ${index}`);
      const screen = new Screen(joined, learner(joined.learner_token), stop.signal);
      screens.push(screen);
      await screen.sawSeat;
      return joined.seat;
    });
    report(`${CLASS} learners from joining to seeing their seat, others' streams being open`, came);
    assert.equal(new Set(came.map(({ value, error }) => value ?? error)).size, CLASS);
    assert.equal(screens.length, CLASS);
    stop.abort();
    await Promise.all(screens.map(({ ended }) => ended));
  });

  it('lets the class in from an address that has tried wrong codes, and refuses to try more', async () => {
    const workshop = await runningWorkshop(60);
    const before = await atOnce(20, (index) => join(workshop, `Early ${index}`));
    assert.deepEqual(before.find(({ error }) => error !== undefined)?.error, undefined);
    const tries = [];
    for (let index = 0; index <= WRONG_CODES; index += 1) {
      const body = JSON.stringify({ code: `ZZZZ-${randomText(4)}` });
      tries.push(await call(controlPlane, 'POST', '/api/join', { body, token: null }));
    }
    const limited = tries.pop()!;
    assert.deepEqual([...new Set(tries.map(({ status }) => status))], [404]);
    assert.deepEqual([limited.status, limited.body.error?.code], [429, 'SLOW_DOWN']);
    const retryAfter = Number(limited.headers.get('retry-after'));
    assert.ok(retryAfter > 0 && retryAfter <= 600, `Retry-After: ${retryAfter}`);
    const after = await atOnce(40, (index) => join(workshop, `Late ${index}`));
    report('40 joins from the address that is limited', after);
    assert.deepEqual(after.find(({ error }) => error !== undefined)?.error, undefined);
    const seats = [...before, ...after].map(({ value }) => value!.seat);
    assert.equal(new Set(seats).size, 60);
  });

  it('refuses exactly those for whom there is no seat', async () => {
    const workshop = await runningWorkshop(20);
    const joins = await atOnce(50, (index) => join(workshop, `Learner ${index}`));
    const seats = joins.flatMap(({ value }) => value?.seat ?? []);
    assert.equal(seats.length, 20);
    assert.equal(new Set(seats).size, 20);
    const refused = joins.filter(({ error }) => error instanceof NoSeatsError);
    assert.equal(refused.length, 30, String(joins.find(({ error }) => error !== undefined)?.error));
  });

  it('gives a learner who joins many times at once one seat', async () => {
    const workshop = await runningWorkshop(5);
    const rejoinCode = randomText(REJOIN_CODE_LENGTH);
    const joins = await atOnce(20, () => join(workshop, 'Ada', rejoinCode));
    assert.deepEqual(new Set(joins.map(({ value }) => value?.seat)), new Set([joins[0]!.value!.seat]));
    assert.deepEqual(
      (await controlPlane.client.listLearners(workshop.id)).map(({ name }) => name),
      ['Ada'],
    );
    await assert.rejects(learner().join({ code: 'ZZZZ-ZZZZ' }), NotFoundError);
  });
});

/** What a learner's window is told, until the signal. */
class Screen {
  readonly joined: Joined;
  /** The numbers of the seats that it was told of. */
  readonly seats = new Set<number>();
  readonly ended: Promise<void>;
  readonly #sawSeat = Promise.withResolvers<undefined>();
  readonly #sawExtension = Promise.withResolvers<undefined>();
  #expires: string | undefined;

  constructor(joined: Joined, client: ControlPlaneClient, signal: AbortSignal) {
    this.joined = joined;
    this.ended = this.#follow(client, signal);
  }

  get sawSeat(): Promise<undefined> {
    return this.#sawSeat.promise;
  }

  get sawExtension(): Promise<undefined> {
    return this.#sawExtension.promise;
  }

  async #follow(client: ControlPlaneClient, signal: AbortSignal): Promise<void> {
    const late = AbortSignal.any([signal, AbortSignal.timeout(120_000)]);
    try {
      for await (const { event } of client.events({ signal: late })) {
        if (event.resource !== undefined) this.#tell(event.resource);
      }
      throw new Error('the stream ended');
    } catch (error) {
      if (signal.aborted) return;
      this.#sawSeat.reject(error);
      this.#sawExtension.reject(error);
    }
  }

  #tell(resource: Resource): void {
    if ('seat' in resource) {
      this.seats.add(resource.seat.seat);
      if (resource.seat.seat === this.joined.seat) this.#sawSeat.resolve(undefined);
    }
    if ('workshop' in resource) {
      const { expires_at } = resource.workshop;
      if (this.#expires !== undefined && expires_at !== this.#expires) this.#sawExtension.resolve(undefined);
      this.#expires = expires_at;
    }
  }
}
