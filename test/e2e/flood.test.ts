/** One seat floods; what its neighbour and the teacher feel of that. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { WebSocket } from 'ws';
import type { Access } from '../../src/protocol/access.ts';
import type { Workshop } from '../../src/protocol/workshop.ts';
import { microsecondsText, quantile } from '../support/figures.ts';
import type { Flood } from '../support/flood-reader.ts';
import { echo, plainChannel } from '../support/terminal-measure.ts';
import { succeeded, TestState, until, type TestControlPlane } from './control-plane-harness.ts';

const KEYS = 400;
/** A flood is under way once so much has come. */
const FLOODING_BYTES = 1_000_000;

describe('a seat that floods its terminal', function () {
  this.timeout(240_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  let workshop: Workshop;
  const floods = new Set<Worker>();

  before(async () => {
    state = new TestState();
    controlPlane = await state.serve();
    const made = await controlPlane.client.createWorkshop({ name: 'Flood', seats: 2, runtime: 'process' });
    await succeeded(controlPlane.client, made.operation);
    workshop = made.workshop;
  });
  afterEach(async () => {
    for (const worker of floods) await worker.terminate();
    floods.clear();
  });
  after(() => state.dispose());

  for (const mode of ['v1', 'plain'] as const) {
    it(`leaves its neighbour and the teacher alone, ${mode === 'v1' ? 'read by our client' : 'read by another'}`, async () => {
      const neighbour = await controlPlane.client.access(workshop.id, 2, 'learner');
      const terminal = plainChannel(() => open(neighbour, 2));
      const quiet = await echo(terminal, KEYS);
      const bytes = await flood(mode);
      const [before, begun] = [read(bytes), performance.now()];
      const [flooded, told] = await Promise.all([echo(terminal, KEYS), tellTeacher()]);
      const seconds = (performance.now() - begun) / 1000;
      const rate = (read(bytes) - before) / 1_000_000 / seconds;
      console.log(`      a neighbour's echo, quiet: ${microsecondsText(quiet)}`);
      console.log(`      beside a flood of ${rate.toFixed(1)} MB/s: ${microsecondsText(flooded)}`);
      const ratio = (fraction: number): string => (quantile(flooded, fraction) / quantile(quiet, fraction)).toFixed(1);
      console.log(`      ratio: p50 × ${ratio(0.5)}, p99 × ${ratio(0.99)}`);
      console.log(
        `      the teacher was told of ${told.length} changes: ${told.map((ms) => ms.toFixed(0)).join(', ')} ms`,
      );
      assert.equal(flooded.length, KEYS);
      // Otherwise this would have measured a quiet seat.
      const after = read(bytes);
      await until('the flood goes on', () => (read(bytes) > after + FLOODING_BYTES ? true : undefined));
    });
  }

  function open({ endpoint, token }: Access, seat: number): WebSocket {
    const url = `${endpoint.replace('http', 'ws')}/proxy/${workshop.id}/${seat}/terminal`;
    return new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  }

  /** Begins a flood in seat 1, read by a worker thread. @returns where its bytes are counted */
  async function flood(mode: Flood['mode']): Promise<BigInt64Array> {
    const access = await controlPlane.client.access(workshop.id, 1, 'learner');
    const bytes = new BigInt64Array(new SharedArrayBuffer(8));
    const data: Flood = { access, workshopId: workshop.id, seat: 1, mode, bytes };
    const worker = new Worker(new URL('../support/flood-reader.ts', import.meta.url), { workerData: data });
    floods.add(worker);
    worker.on('error', (error) => console.error(error));
    await until('the seat floods', () => (read(bytes) > FLOODING_BYTES ? true : undefined));
    return bytes;
  }

  /** Changes the workshop some times; milliseconds from the request to the event of each. */
  async function tellTeacher(): Promise<number[]> {
    const { client } = controlPlane;
    const stop = new AbortController();
    const expiries = new Set<string>();
    const opened = Promise.withResolvers<undefined>();
    const reading = (async (): Promise<void> => {
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)]);
      const options = { signal, lastEventId: 0, onOpen: () => opened.resolve(undefined) };
      for await (const { event } of client.events(options)) {
        if (event.resource !== undefined && 'workshop' in event.resource)
          expiries.add(event.resource.workshop.expires_at);
      }
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    const told: number[] = [];
    try {
      await opened.promise;
      for (let change = 0; change < 5; change += 1) {
        const begun = performance.now();
        const known = expiries.size;
        await succeeded(client, await client.extendWorkshop(workshop.id, 300 + change));
        await Promise.race([until('the event comes', () => (expiries.size > known ? true : undefined)), reading]);
        assert.ok(expiries.size > known, 'the stream of events ended');
        told.push(performance.now() - begun);
        await sleep(100);
      }
    } finally {
      stop.abort();
      await reading;
    }
    return told;
  }
});

function read(bytes: BigInt64Array): number {
  return Number(Atomics.load(bytes, 0));
}
