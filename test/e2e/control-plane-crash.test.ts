/** kill -9 of the control plane at each step of its work, and any client afterwards. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { UnavailableError } from '../../src/protocol/errors.ts';
import type { CreatedWorkshop, OperationKind } from '../../src/protocol/operation.ts';
import {
  death,
  end,
  ended,
  isRunning,
  succeeded,
  TestState,
  until,
  type TestControlPlane,
} from './control-plane-harness.ts';

const SEATS = 2;
/** So many that making them goes on for long after the first one is seen. */
const MANY_SEATS = 24;
const KEY = { idempotencyKey: 'create-it-once' };

/** Where to die while creating and while deleting; one run takes one of each. */
const CREATING = [
  'begin:before',
  'begin:after',
  'worker.intent:before',
  'worker.intent:after',
  'worker.spawn:before',
  'worker.spawn:after',
  'worker.healthy:after',
  'place:before',
  'place:after',
  'seat.intent:before',
  'seat.intent:after',
  'seat.create:before',
  'seat.create:after',
  'seat.create:after:2',
  'workshop.running:before',
  'workshop.running:after',
  'finish:before',
  'finish:after',
];
const DELETING = [
  'begin:before',
  'begin:after',
  'seat.delete:before',
  'seat.delete:after',
  'seat.delete:after:2',
  'worker.end:before',
  'worker.end:after',
  'worker.remove:before',
  'worker.remove:after',
  'workshop.remove:before',
  'workshop.remove:after',
  'finish:before',
  'finish:after',
];

/** Sends a request whose answer may be lost with the control plane. */
async function attempt<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof UnavailableError) return undefined;
    throw error;
  }
}

function create(client: ControlPlaneClient, seats = SEATS): Promise<CreatedWorkshop> {
  return client.createWorkshop({ name: 'Crash', seats }, KEY);
}

/** The only operation of a kind: however often the control plane died, nothing was begun twice. */
async function onlyOperation(client: ControlPlaneClient, kind: OperationKind) {
  const operations = (await client.listOperations()).filter((operation) => operation.kind === kind);
  assert.equal(operations.length, 1);
  return operations[0]!;
}

describe('the control plane, killed', function () {
  this.timeout(120_000);
  let state: TestState;
  beforeEach(() => (state = new TestState()));
  afterEach(() => state.dispose());

  /** Creates a workshop over a crash; afterwards there is one, it runs, and nothing is doubled. */
  async function createOver(controlPlane: TestControlPlane): Promise<TestControlPlane> {
    await attempt(create(controlPlane.client));
    assert.equal(await death(controlPlane), 'SIGKILL');
    const next = await state.serve();
    const { workshop } = await create(next.client);
    const operation = await onlyOperation(next.client, 'workshop.create');
    await succeeded(next.client, operation);
    assert.deepEqual(
      (await next.client.listWorkshops()).map(({ id, status }) => [id, status]),
      [[workshop.id, 'running']],
    );
    assert.ok((await next.client.listSeats(workshop.id)).every(({ status }) => status === 'ready'));
    const { agents, seats } = state.processes();
    assert.deepEqual({ agents, seats }, { agents: 1, seats: SEATS });
    return next;
  }

  /** Deletes the workshop over a crash; afterwards it is gone and nothing is left. */
  async function deleteOver(controlPlane: TestControlPlane): Promise<void> {
    const [workshop] = await controlPlane.client.listWorkshops();
    const begun = await attempt(controlPlane.client.deleteWorkshop(workshop!.id));
    assert.equal(await death(controlPlane), 'SIGKILL');
    const { client } = await state.serve();
    const isThere = (await client.listWorkshops()).length > 0;
    const operations = await client.listOperations();
    const deletion = operations.find(({ kind }) => kind === 'workshop.delete');
    if (begun !== undefined) assert.equal(deletion?.id, begun.id, 'it goes on under its own id');
    if (isThere || deletion !== undefined) {
      await succeeded(client, deletion ?? (await client.deleteWorkshop(workshop!.id)));
    }
    assert.deepEqual(await client.listWorkshops(), []);
    state.assertNothingIsLeft();
  }

  for (const [index, creating] of CREATING.entries()) {
    const deleting = DELETING[index];
    const name =
      deleting === undefined ? `creating at ${creating}` : `creating at ${creating}, deleting at ${deleting}`;
    it(`${name}, completes what it began`, async () => {
      let controlPlane = await createOver(await state.serve({ CARAPACE_CRASH_AT: creating }));
      await end(controlPlane);
      if (deleting === undefined) return;
      controlPlane = await state.serve({ CARAPACE_CRASH_AT: deleting });
      await deleteOver(controlPlane);
    });
  }

  for (const place of ['cancel:after', 'seat.delete:after', 'worker.remove:before', 'workshop.remove:after']) {
    it(`cancelling at ${place}, finishes the cancelling`, async () => {
      const dying = await state.serve({ CARAPACE_CRASH_AT: place });
      const { workshop, operation } = await create(dying.client, MANY_SEATS);
      if (place !== 'cancel:after') {
        await until('a seat is being made', async () =>
          (await dying.client.listSeats(workshop.id)).some(({ status }) => status === 'booting') ? true : undefined,
        );
      }
      await attempt(dying.client.cancelOperation(operation!.id));
      assert.equal(await death(dying), 'SIGKILL');
      const { client } = await state.serve();
      assert.equal((await ended(client, await onlyOperation(client, 'workshop.create'))).status, 'cancelled');
      assert.deepEqual(await client.listWorkshops(), []);
      state.assertNothingIsLeft();
    });
  }

  it('stopping, starting and resetting, completes each', async () => {
    let controlPlane = await state.serve({ CARAPACE_CRASH_AT: 'seat.stop:after' });
    const { workshop, operation } = await create(controlPlane.client);
    await succeeded(controlPlane.client, operation);
    const over = async (next: string, begin: (client: ControlPlaneClient) => Promise<unknown>): Promise<void> => {
      await attempt(begin(controlPlane.client));
      assert.equal(await death(controlPlane), 'SIGKILL');
      controlPlane = await state.serve({ CARAPACE_CRASH_AT: next });
      const [newest] = await controlPlane.client.listOperations();
      await succeeded(controlPlane.client, newest!);
    };
    await over('seat.create:before:2', (client) => client.stopWorkshop(workshop.id));
    assert.deepEqual(state.processes().all, []);
    await over('seat.reset:after', (client) => client.startWorkshop(workshop.id));
    assert.equal(state.processes().seats, SEATS);
    await over('none', (client) => client.resetSeat(workshop.id, 1));
    assert.equal(state.processes().seats, SEATS);
    await succeeded(controlPlane.client, await controlPlane.client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('again and again at any time, loses nothing and doubles nothing', async () => {
    let controlPlane = await state.serve();
    const killAfter = async (milliseconds: number): Promise<void> => {
      await sleep(milliseconds);
      assert.ok(isRunning(controlPlane.child));
      await end(controlPlane, 'SIGKILL');
      controlPlane = await state.serve();
    };
    for (const milliseconds of [90, 330, 570]) {
      await create(controlPlane.client);
      await killAfter(milliseconds);
    }
    const { workshop } = await create(controlPlane.client);
    await succeeded(controlPlane.client, await onlyOperation(controlPlane.client, 'workshop.create'));
    const { agents, seats } = state.processes();
    assert.deepEqual({ agents, seats }, { agents: 1, seats: SEATS });
    const deletion = await controlPlane.client.deleteWorkshop(workshop.id);
    for (const milliseconds of [40, 130]) await killAfter(milliseconds);
    await succeeded(controlPlane.client, deletion);
    assert.deepEqual(await controlPlane.client.listWorkshops(), []);
    state.assertNothingIsLeft();
  });
});
