/** What 10,000 seats cost to list, to stream and to show. */
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { CarapaceEvent } from '../../src/protocol/event.ts';
import { seatRow } from '../../src/providers/model/seat-row.ts';
import { EMPTY_STATE, seatsOf, withEvent, workshopsOf } from '../../src/providers/model/state.ts';
import { fetchLists } from '../../src/providers/snapshot.ts';
import { TestState } from '../e2e/control-plane-harness.ts';
import { quantile } from '../support/figures.ts';
import { heading, row } from './table.ts';

const WORKSHOPS = 20;
const SEATS_EACH = 500;
const ROUNDS = 20;
const DEADLINE_MS = 60_000;

export async function benchSeats(): Promise<void> {
  const state = new TestState();
  try {
    const { client, file } = await state.serve();
    for (let index = 0; index < WORKSHOPS; index += 1) await client.createWorkshop({ seats: SEATS_EACH, start: false });
    let bytes = 0;
    const ids = (await client.listWorkshops()).map(({ id }) => id);
    const headers = { authorization: `Bearer ${file.token}` };
    const raw = await times(async () => {
      const answers = await Promise.all(ids.map((id) => fetch(`${file.url}/api/workshops/${id}/seats`, { headers })));
      bytes = (await Promise.all(answers.map((answer) => answer.arrayBuffer()))).reduce(
        (sum, one) => sum + one.byteLength,
        0,
      );
    });
    const parsed = await times(async () => {
      await fetchLists(client, AbortSignal.timeout(DEADLINE_MS));
    });
    let events: CarapaceEvent[] = [];
    const streamed = await times(async () => {
      events = await everything(new ControlPlaneClient({ url: file.url, token: file.token }));
    });
    const modelled = await times(() => Promise.resolve(void events.reduce(withEvent, EMPTY_STATE)));
    const known = events.reduce(withEvent, EMPTY_STATE);
    const context = { stale: false, now: Date.now(), t: String };
    const shown = await times(() =>
      Promise.resolve(
        void workshopsOf(known).flatMap(({ id }) => seatsOf(known, id).map((seat) => seatRow(seat, context))),
      ),
    );
    heading(`${WORKSHOPS * SEATS_EACH} seats, ms`, 'median', '99 %');
    const print = (name: string, values: number[]): void => row(name, quantile(values, 0.5), quantile(values, 0.99));
    print('listed, as bytes', raw);
    print('listed, as the extension does', parsed);
    print('streamed from the start', streamed);
    print('the model from these events', modelled);
    print('every row of the tree', shown);
    row('bytes of the lists, per seat', bytes / (WORKSHOPS * SEATS_EACH));
  } finally {
    await state.dispose();
  }
}

/** Milliseconds, of each time. */
async function times(act: () => Promise<void>): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begun = performance.now();
    await act();
    values.push(performance.now() - begun);
  }
  return values;
}

async function everything(client: ControlPlaneClient): Promise<CarapaceEvent[]> {
  const events: CarapaceEvent[] = [];
  let seats = 0;
  for await (const { event } of client.events({ signal: AbortSignal.timeout(DEADLINE_MS) })) {
    events.push(event);
    if (event.resource !== undefined && 'seat' in event.resource) seats += 1;
    if (seats === WORKSHOPS * SEATS_EACH) break;
  }
  return events;
}
