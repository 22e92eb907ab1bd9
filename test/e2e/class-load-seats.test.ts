/** Ten thousand seats: what the control plane lists and streams, and what the extension makes of that. */
import assert from 'node:assert/strict';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { CarapaceEvent } from '../../src/protocol/event.ts';
import type { Seat } from '../../src/protocol/workshop.ts';
import { seatRow } from '../../src/providers/model/seat-row.ts';
import {
  EMPTY_STATE,
  seatOf,
  seatsOf,
  withEvent,
  workshopsOf,
  type ModelState,
} from '../../src/providers/model/state.ts';
import { runningSeats } from '../../src/providers/model/summary.ts';
import { workshopRow } from '../../src/providers/model/workshop-row.ts';
import { fetchLists } from '../../src/providers/snapshot.ts';
import { t } from '../unit/providers/fixtures.ts';
import { TestState, type TestControlPlane } from './control-plane-harness.ts';

const WORKSHOPS = 20;
const SEATS_EACH = 500;
const SEATS = WORKSHOPS * SEATS_EACH;
/** Processor time, as others may have the processor meanwhile. Only a cost that grows with the square is beyond it. */
const MODEL_BOUND_MS = 3_000;

/** `processorMs` is of this process alone. */
async function timed<T>(what: string, act: () => Promise<T> | T): Promise<{ processorMs: number; value: T }> {
  const [begun, used] = [performance.now(), process.cpuUsage()];
  const value = await act();
  const { user, system } = process.cpuUsage(used);
  console.log(`      ${what}: ${(performance.now() - begun).toFixed(0)} ms`);
  return { processorMs: (user + system) / 1000, value };
}

describe(`${SEATS} seats`, function () {
  this.timeout(120_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  let told: CarapaceEvent[];
  let listed: ModelState;

  before(async () => {
    state = new TestState();
    controlPlane = await state.serve();
  });
  after(() => state.dispose());

  it('are made, listed and streamed whole', async () => {
    const { client } = controlPlane;
    // Not started: what is listed is the same, and no seat has to run.
    await timed(`making ${WORKSHOPS} workshops of ${SEATS_EACH}`, async () => {
      for (let index = 0; index < WORKSHOPS; index += 1) {
        await client.createWorkshop({ name: `Class ${index}`, seats: SEATS_EACH, start: false });
      }
    });
    const workshops = await client.listWorkshops();
    assert.equal(workshops.length, WORKSHOPS);
    const { value: bytes } = await timed('listing every seat, as bytes', async () => {
      const answers = await Promise.all(workshops.map(({ id }) => body(`/api/workshops/${id}/seats`)));
      return answers.reduce((sum, length) => sum + length, 0);
    });
    console.log(`      ${bytes} bytes, ${(bytes / SEATS).toFixed(0)} for each seat`);
    const { value: change } = await timed('listing everything as the extension does, parsed', () =>
      fetchLists(client, AbortSignal.timeout(60_000)),
    );
    ({ value: listed } = await timed('the model from these lists', () => change(EMPTY_STATE)));
    assert.equal(seatCount(listed), SEATS);
    ({ value: told } = await timed('the stream of events from its start', streamed));
    const seats = told.filter(({ resource }) => resource !== undefined && 'seat' in resource);
    assert.equal(seats.length, SEATS);
  });

  it('are no burden to what the tree is made from', async () => {
    const { processorMs, value } = await timed(`the model from ${told.length} events`, () =>
      told.reduce(withEvent, EMPTY_STATE),
    );
    assert.equal(seatCount(value), SEATS);
    assert.deepEqual(workshopsOf(value), workshopsOf(listed));
    const [first] = workshopsOf(value);
    assert.deepEqual(seatsOf(value, first!.id), seatsOf(listed, first!.id));
    assert.ok(processorMs < MODEL_BOUND_MS, `${processorMs} ms`);
    const context = { stale: false, now: Date.now(), t };
    const rows = await timed('every row of the tree', () =>
      workshopsOf(value).flatMap((workshop) => {
        const seats = seatsOf(value, workshop.id);
        return [
          workshopRow(workshop, seats, context),
          ...seats.map(({ seat }) => seatRow(seatOf(value, workshop.id, seat)!, context)),
        ];
      }),
    );
    assert.equal(rows.value.length, WORKSHOPS + SEATS);
    assert.ok(rows.processorMs < MODEL_BOUND_MS, `${rows.processorMs} ms`);
    assert.equal(runningSeats(value), 0);
    const changes = told.flatMap(({ resource }) =>
      resource !== undefined && 'seat' in resource ? [resource.seat] : [],
    );
    const { value: ready } = await timed('each seat changing once', () =>
      changes.map((seat) => seatEvent({ ...seat, status: 'ready' })).reduce(withEvent, value),
    );
    assert.equal(runningSeats(ready), SEATS);
    assert.equal(runningSeats(value), 0, 'a state that was handed out does not change');
  });

  async function body(path: string): Promise<number> {
    const { url, token } = controlPlane.file;
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(response.status, 200);
    return (await response.arrayBuffer()).byteLength;
  }

  /** What a window that comes new is told, up to the last seat. */
  async function streamed(): Promise<CarapaceEvent[]> {
    const events: CarapaceEvent[] = [];
    let seats = 0;
    const client = new ControlPlaneClient({ url: controlPlane.file.url, token: controlPlane.file.token });
    for await (const { event } of client.events({ signal: AbortSignal.timeout(60_000) })) {
      events.push(event);
      if (event.resource !== undefined && 'seat' in event.resource) seats += 1;
      if (seats === SEATS) return events;
    }
    throw new Error('the stream ended early');
  }
});

function seatCount(state: ModelState): number {
  return workshopsOf(state).reduce((sum, { id }) => sum + seatsOf(state, id).length, 0);
}

function seatEvent(seat: Seat): CarapaceEvent {
  const subject = `workshop/${seat.workshop_id}/seat/${seat.seat}`;
  return { timestamp: seat.updated_at, type: 'state', message: '', subject, resource: { seat } };
}
