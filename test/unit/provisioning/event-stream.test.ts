import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CarapaceEvent, NumberedEvent } from '../../../src/protocol/event.ts';
import { InvalidInputError } from '../../../src/protocol/errors.ts';
import { frameOf, streamEvents, type EventStreamOptions } from '../../../src/provisioning/http/event-stream.ts';
import { entrance, parseLastEventId } from '../../../src/provisioning/http/snapshot.ts';
import { addWorkshop, learnerRow, openStore, type TestStore } from './fixtures.ts';

/** What no learner is told of their workshop. */
const TEACHERS_ALONE = { workers: [], price_per_hour: null };

function eventOf(message: string): CarapaceEvent {
  return { timestamp: '2026-01-01T00:00:00.000Z', type: 'progress', message, subject: 'workshop/ws-1' };
}

describe('the stream of events', () => {
  let server: Server;
  let log: NumberedEvent[];
  let listeners: Set<() => void>;
  let closing: AbortController;
  let open: number;
  let options: Partial<EventStreamOptions>;

  beforeEach(async () => {
    log = [];
    listeners = new Set();
    closing = new AbortController();
    open = 0;
    options = {};
    server = createServer((_request, response) => {
      open += 1;
      const source: EventStreamOptions = {
        after: 0,
        read: (after, limit) => log.filter(({ id }) => id > after).slice(0, limit),
        listen: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        signal: closing.signal,
        heartbeatMs: 60_000,
        slowReaderMs: 60_000,
        ...options,
      };
      void streamEvents(response, source).finally(() => (open -= 1));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await until(() => open === 0);
    assert.equal(listeners.size, 0, 'nobody listens for a reader that left');
  });

  function tell(message: string): void {
    log.push({ id: log.length + 1, event: eventOf(message) });
    for (const listener of listeners) listener();
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await sleep(2);
  }

  async function read(): Promise<{ text: () => string; close: () => void; ended: Promise<unknown> }> {
    const outgoing = httpRequest({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(incoming.headers['content-type'], 'text/event-stream; charset=utf-8');
    let text = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const ended = new Promise((resolve) => incoming.on('close', resolve));
    incoming.on('error', () => undefined);
    return { text: () => text, close: () => outgoing.destroy(), ended };
  }

  it('sends what was told before and each thing as it is told', async () => {
    tell('one');
    const reader = await read();
    await until(() => reader.text().includes('one'));
    tell('two');
    await until(() => reader.text().includes('two'));
    assert.equal(reader.text(), log.map(frameOf).join(''));
    assert.equal(frameOf(log[0]!), `id: 1\ndata: ${JSON.stringify(eventOf('one'))}\n\n`);
    reader.close();
  });

  it('loses nothing that is told while it sends', async () => {
    const reader = await read();
    for (let n = 1; n <= 2_000; n += 1) {
      tell(`line ${n}`);
      if (n % 100 === 0) await sleep(0);
    }
    await until(() => reader.text().includes('"line 2000"'));
    assert.equal(reader.text(), log.map(frameOf).join(''));
    reader.close();
  });

  it('ends after its last event, and when the server ends', async () => {
    options = { isLast: ({ event }) => event.message === 'the end' };
    tell('the end');
    tell('too late');
    const first = await read();
    await first.ended;
    assert.equal(first.text(), frameOf(log[0]!));
    options = {};
    const second = await read();
    closing.abort();
    await second.ended;
  });

  it('ends where events are not kept any more', async () => {
    options = { read: () => undefined };
    const reader = await read();
    await reader.ended;
    assert.equal(reader.text(), '');
  });

  it('shows that it lives when there is nothing to tell', async () => {
    options = { heartbeatMs: 5 };
    const reader = await read();
    await until(() => reader.text().length >= 6);
    assert.match(reader.text(), /^(:\n\n)+$/);
    reader.close();
  });

  it('cuts off a reader that takes nothing, and holds no more for it than its sockets do', async () => {
    options = { slowReaderMs: 50 };
    const big = 'x'.repeat(64 * 1024);
    for (let n = 0; n < 400; n += 1) tell(big);
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    socket.pause();
    await until(() => open === 1);
    await until(() => open === 0);
    socket.destroy();
  });
});

describe('the entrance to the stream', () => {
  let test: TestStore;
  beforeEach(() => (test = openStore()));
  afterEach(() => test.dispose());

  it('is after the last event that was seen', () => {
    addWorkshop(test);
    const { newest } = test.store.events.bounds();
    for (const seen of [0, 1, newest]) {
      const { first, after } = entrance(test, seen);
      assert.deepEqual([[...first], after], [[], seen]);
    }
  });

  it('is a picture of everything for who saw nothing, too little, or another store', () => {
    const workshop = addWorkshop(test);
    const { newest } = test.store.events.bounds();
    test.store.events.prune('2000-01-01T00:00:00.000Z', 2);
    for (const seen of [undefined, 0, newest - 3, newest + 1]) {
      const { first: pictured, after } = entrance(test, seen);
      const first = [...pictured];
      assert.equal(after, newest);
      assert.deepEqual(
        first.map(({ event }) => event.type),
        ['reset', 'state', 'state', 'state', 'state', 'state'],
      );
      assert.deepEqual(first[1]?.event.resource, { cluster: test.clusterRecords.cluster() });
      assert.deepEqual(first[2]?.event.resource, { workshop: test.records.workshop(workshop.id) });
      // A connection lost in the middle of the picture leads to another picture.
      assert.deepEqual(
        first.map(({ id }) => id),
        [0, 0, 0, 0, 0, newest],
      );
    }
    assert.deepEqual([...entrance(test, newest - 2).first], []);
  });

  it('shows a learner their own workshop and their own seat', () => {
    const own = addWorkshop(test);
    addWorkshop(test);
    const learner = learnerRow(own, 2);
    test.records.addLearner(learner);
    const first = [...entrance(test, undefined, learner).first];
    assert.equal(first.length, 1 + 1 + 1);
    assert.deepEqual(first[1]?.event.resource, { workshop: { ...test.records.workshop(own.id), ...TEACHERS_ALONE } });
    assert.deepEqual(first[2]?.event.resource, { seat: { ...test.records.seat(own.id, 2), worker: null } });
    const seen = test.store.events.after(0, 1000, { workshopId: own.id, seat: 2 });
    const subjects = seen.map(({ event }) => event.subject);
    assert.deepEqual(subjects, [`workshop/${own.id}`, `workshop/${own.id}/seat/2`, `workshop/${own.id}/seat/2`]);
  });

  it('takes a number and nothing else', () => {
    assert.equal(parseLastEventId(undefined), undefined);
    assert.equal(parseLastEventId('42'), 42);
    for (const wrong of ['', '-1', '1.5', 'x', '9'.repeat(20), ['1', '2']]) {
      assert.throws(() => parseLastEventId(wrong), InvalidInputError);
    }
  });
});
