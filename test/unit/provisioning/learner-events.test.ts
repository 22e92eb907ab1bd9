import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHttpService, type HttpService } from '../../../src/lib/http-service.ts';
import type { ControlPlane } from '../../../src/provisioning/control-plane.ts';
import { addEventStream } from '../../../src/provisioning/http/event-routes.ts';
import { addWorkshop, learnerRow, openStore, SILENT, TIMING, type TestStore } from './fixtures.ts';

describe("a learner's stream of events", () => {
  let test: TestStore;
  let service: HttpService;
  let closing: AbortController;
  beforeEach(() => {
    test = openStore();
    service = createHttpService({ log: SILENT });
    closing = new AbortController();
  });
  afterEach(async () => {
    closing.abort();
    await service.close();
    test.dispose();
  });

  it('looks through what is nothing to them once, and tells what comes after it', async () => {
    const workshop = addWorkshop(test, { seats: 2 });
    const learner = learnerRow(workshop, 1);
    test.records.addLearner(learner);
    const { store, events, records, clusterRecords } = test;
    const controlPlane = { store, events, records, clusterRecords, timing: TIMING, closing: closing.signal };
    addEventStream(service, controlPlane as unknown as ControlPlane, {
      token: 'the-teacher',
      learnerOf: () => Promise.resolve(learner),
    });
    const begun: number[] = [];
    const after = store.events.after.bind(store.events);
    store.events.after = (place, ...rest) => {
      begun.push(place);
      return after(place, ...rest);
    };
    const url = await service.listen({ host: '127.0.0.1', port: 0 });
    const answer = await fetch(`${url}/api/events`, { headers: { authorization: 'Bearer of-the-learner' } });
    let told = '';
    const reading = (async () => {
      for await (const chunk of answer.body ?? []) told += Buffer.from(chunk as Uint8Array).toString();
    })();
    const until = async (holds: () => boolean): Promise<void> => {
      const deadline = performance.now() + 5_000;
      while (!holds()) {
        assert.ok(performance.now() < deadline, `looked from ${begun.join(', ')}`);
        await sleep(5);
      }
    };
    await until(() => told.includes('"seat":1'));
    for (let n = 0; n < 3; n += 1) {
      const before = begun.length;
      // One of the workshop without a seat, and so read for every learner of it; and one of another seat.
      events.append({ type: 'progress', message: `step ${n}`, subject: `workshop/${workshop.id}` }, workshop.id);
      records.changeSeat(workshop.id, 2, { connected: n % 2 === 0 });
      await until(() => begun.length > before);
    }
    await until(() => (begun.at(-1) ?? 0) > (begun[0] ?? 0));
    const { newest } = store.events.bounds();
    records.changeSeat(workshop.id, 1, { connected: true });
    await until(() => told.includes('"connected":true'));
    assert.ok(begun.includes(newest), `the last look began at ${newest}, not at ${begun.join(', ')}`);
    assert.ok(!told.includes('step 0') && !told.includes('"seat":2'));
    closing.abort();
    await reading;
  });
});
