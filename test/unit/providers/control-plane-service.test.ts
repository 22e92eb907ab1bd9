import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'mocha';
import type { Connection } from '../../../src/client/connection.ts';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import type { Cluster } from '../../../src/protocol/cluster.ts';
import { InvalidInputError, NotFoundError, UnauthorizedError, UnavailableError } from '../../../src/protocol/errors.ts';
import type { CarapaceEvent, NumberedEvent } from '../../../src/protocol/event.ts';
import { operationSubject } from '../../../src/protocol/operation.ts';
import type { Seat, Workshop } from '../../../src/protocol/workshop.ts';
import type { ConnectionSource, Found } from '../../../src/providers/connection-source.ts';
import { ControlPlaneService } from '../../../src/providers/control-plane-service.ts';
import { nextEvent } from '../../../src/providers/events.ts';
import type { ConnectionKind } from '../../../src/providers/model/connection-status.ts';
import { linesOf, seatOf, workshopOf, workshopsOf } from '../../../src/providers/model/state.ts';
import { fakeVscode } from './fake-vscode.ts';
import {
  cluster,
  clusterEvent,
  operation,
  progressEvent,
  seat,
  seatEvent,
  t,
  workshop,
  workshopEvent,
} from './fixtures.ts';

const CONNECTION: Connection = { url: 'http://127.0.0.1:1', token: 'secret' };

type Stream = Pick<
  ControlPlaneClient,
  'events' | 'operationEvents' | 'health' | 'listWorkshops' | 'listSeats' | 'listOperations' | 'getCluster'
>;

/** A control plane in memory: what it lists, and one stream of events that the test feeds and cuts. */
class FakeControlPlane implements Stream {
  workshops: Workshop[] = [];
  seats: Seat[] = [];
  lastEventIds: (number | undefined)[] = [];
  unhealthy: Error | undefined;
  /** Lists wait for this, where it is set. */
  gate: Promise<unknown> | undefined;
  readonly #taps = new EventTarget();
  #nextId = 1;
  readonly #waiting: (NumberedEvent | Error)[] = [];

  send(event: CarapaceEvent): void {
    this.#push({ id: this.#nextId++, event });
  }

  cut(error = new UnavailableError('The stream of events broke.')): void {
    this.#push(error);
  }

  health = () =>
    this.unhealthy === undefined
      ? Promise.resolve({ status: 'ok' as const, version: '1' })
      : Promise.reject(this.unhealthy);

  listWorkshops = async (): Promise<Workshop[]> => {
    const { workshops } = this;
    await this.gate;
    return workshops;
  };

  listSeats = (id: string): Promise<Seat[]> => Promise.resolve(this.seats.filter((one) => one.workshop_id === id));

  cluster: Cluster | Error = cluster({ status: 'no_server' });
  clusterAsks = 0;

  getCluster = (): Promise<Cluster> => {
    this.clusterAsks += 1;
    return this.cluster instanceof Error ? Promise.reject(this.cluster) : Promise.resolve(this.cluster);
  };

  listOperations = () => Promise.resolve([operation()]);

  async *events({
    lastEventId,
    signal,
    onOpen,
  }: Parameters<ControlPlaneClient['events']>[0]): AsyncGenerator<NumberedEvent> {
    this.lastEventIds.push(lastEventId);
    onOpen?.();
    for (;;) {
      const next = this.#waiting.shift();
      if (next instanceof Error) throw next;
      if (next === undefined) await once(this.#taps, 'push', { signal });
      else yield next;
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a generator that has all it needs
  async *operationEvents(): AsyncGenerator<NumberedEvent> {
    yield { id: 1, event: progressEvent('worker', 'Agent healthy', 0) };
  }

  #push(item: NumberedEvent | Error): void {
    this.#waiting.push(item);
    this.#taps.dispatchEvent(new Event('push'));
  }
}

class FakeSource implements ConnectionSource {
  found: Found | Error = { connection: CONNECTION };
  ensured: Connection | Error = CONNECTION;
  readonly refusedConnections: Connection[] = [];
  finds = 0;
  ensures = 0;

  find(): Promise<Found> {
    this.finds += 1;
    return this.found instanceof Error ? Promise.reject(this.found) : Promise.resolve(this.found);
  }

  ensure(): Promise<Connection> {
    this.ensures += 1;
    if (this.ensured instanceof Error) return Promise.reject(this.ensured);
    this.found = { connection: this.ensured };
    return Promise.resolve(this.ensured);
  }

  refused(connection: Connection): Promise<void> {
    this.refusedConnections.push(connection);
    return Promise.resolve();
  }
}

class SetUp {
  readonly controlPlane = new FakeControlPlane();
  readonly source = new FakeSource();
  readonly connections: Connection[] = [];
  readonly service = new ControlPlaneService({
    changed: new fakeVscode.EventEmitter<void>(),
    source: () => this.source,
    connect: (connection) => {
      this.connections.push(connection);
      return this.controlPlane as unknown as ControlPlaneClient;
    },
    log: { info: () => undefined, warn: () => undefined },
    t,
  });

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await nextEvent(this.service.onDidChange, AbortSignal.timeout(25_000));
  }

  status(kind: ConnectionKind): Promise<void> {
    return this.until(() => this.service.status.kind === kind);
  }
}

describe('the service behind the views', () => {
  let parts: SetUp;
  beforeEach(() => (parts = new SetUp()));
  afterEach(() => parts.service.dispose());

  it('looks for a control plane, and starts none by itself', async () => {
    parts.source.found = { connection: undefined, because: 'absent' };
    parts.service.start();
    await parts.status('absent');
    assert.equal(parts.source.ensures, 0);
    await assert.rejects(parts.service.current(), UnavailableError);
    assert.equal(parts.source.ensures, 0);
  });

  it('shows what the control plane lists, then what it tells', async () => {
    const { controlPlane, service } = parts;
    controlPlane.workshops = [workshop()];
    controlPlane.seats = [seat({ status: 'booting' })];
    service.start();
    await parts.status('live');
    assert.equal(seatOf(service.state, 'ws-one', 1)?.status, 'booting');
    controlPlane.send(seatEvent({ learner: 'Alice' }));
    await parts.until(() => seatOf(service.state, 'ws-one', 1)?.learner === 'Alice');
  });

  it('applies what happened while the lists were on their way after them', async () => {
    const { controlPlane, service } = parts;
    const gate = Promise.withResolvers<undefined>();
    controlPlane.gate = gate.promise;
    controlPlane.workshops = [workshop({ status: 'provisioning' })];
    service.start();
    controlPlane.send(workshopEvent({ status: 'running' }));
    while (controlPlane.lastEventIds.length === 0) await Promise.resolve();
    gate.resolve(undefined);
    await parts.until(() => workshopOf(service.state, 'ws-one')?.status === 'running');
  });

  it('keeps what was known when the connection drops, and comes back by itself', async () => {
    const { controlPlane, service } = parts;
    controlPlane.workshops = [workshop()];
    service.start();
    await parts.status('live');
    controlPlane.send(seatEvent());
    await parts.until(() => seatOf(service.state, 'ws-one', 1) !== undefined);
    controlPlane.unhealthy = new UnavailableError('Gone.');
    controlPlane.cut();
    await parts.status('lost');
    assert.equal(workshopsOf(service.state).length, 1);
    controlPlane.unhealthy = undefined;
    controlPlane.workshops = [workshop({ name: 'Renamed' })];
    await parts.status('live');
    assert.equal(workshopOf(service.state, 'ws-one')?.name, 'Renamed');
    assert.deepEqual(controlPlane.lastEventIds, [undefined, 1]);
  });

  it('keeps what was known when the control plane is gone, and finds the next one', async () => {
    const { controlPlane, service, source } = parts;
    controlPlane.workshops = [workshop()];
    service.start();
    await parts.status('live');
    source.found = { connection: undefined, because: 'asleep' };
    controlPlane.cut();
    await parts.status('asleep');
    assert.equal(workshopsOf(service.state).length, 1);
    source.found = { connection: { url: 'http://127.0.0.1:2', token: 'other' } };
    service.poke();
    await parts.status('live');
    assert.equal(service.url, 'http://127.0.0.1:2');
    assert.deepEqual(controlPlane.lastEventIds, [undefined, undefined]);
  });

  it('takes one that was started again for another one, though its address and its token are the same', async () => {
    const { controlPlane, service, source } = parts;
    source.found = { connection: { ...CONNECTION, process: { pid: 7, start_time: '1' } } };
    controlPlane.workshops = [workshop()];
    service.start();
    await parts.status('live');
    controlPlane.send(seatEvent());
    await parts.until(() => seatOf(service.state, 'ws-one', 1) !== undefined);
    source.found = { connection: { ...CONNECTION, process: { pid: 7, start_time: '2' } } };
    controlPlane.cut();
    await parts.until(() => controlPlane.lastEventIds.length === 2);
    // Its events count from the first again, and whoever talked to the one that has ended would be told nothing more.
    assert.deepEqual(controlPlane.lastEventIds, [undefined, undefined]);
    assert.deepEqual(
      parts.connections.map(({ process }) => process?.start_time),
      ['1', '2'],
    );
  });

  it('fetches everything anew after a reset', async () => {
    const { controlPlane, service } = parts;
    controlPlane.workshops = [workshop()];
    service.start();
    await parts.status('live');
    controlPlane.workshops = [workshop({ id: 'ws-two' })];
    controlPlane.send({ timestamp: '2026-01-01T00:00:00Z', type: 'reset', message: '', subject: 'carapace' });
    await parts.until(() => workshopOf(service.state, 'ws-two') !== undefined);
    assert.equal(workshopOf(service.state, 'ws-one'), undefined);
  });

  it('starts one for what the user asks, once for all who ask', async () => {
    const { service, source } = parts;
    source.found = { connection: undefined, because: 'absent' };
    service.start();
    await parts.status('absent');
    const [one, other] = await Promise.all([service.connected(), service.client()]);
    assert.equal(one, other);
    assert.equal(source.ensures, 1);
    assert.equal(service.status.kind, 'live');
  });

  it('says that it could not be started, and tries again when asked', async () => {
    const { service, source } = parts;
    source.found = { connection: undefined, because: 'absent' };
    source.ensured = new UnavailableError('The control plane ended at its start.');
    service.start();
    await parts.status('absent');
    await assert.rejects(service.client(), /ended at its start/);
    source.ensured = CONNECTION;
    await service.connected();
    assert.equal(service.status.kind, 'live');
  });

  it('says so where what was found does not answer', async () => {
    const { controlPlane, service } = parts;
    controlPlane.unhealthy = new UnavailableError('It does not answer.');
    service.start();
    await parts.status('broken');
    await assert.rejects(service.connected(), /It does not answer/);
  });

  it('lets one caller give up without the others', async () => {
    const { service, source } = parts;
    const gate = Promise.withResolvers<Connection>();
    source.ensure = () => gate.promise;
    source.found = { connection: undefined, because: 'absent' };
    service.start();
    await parts.status('absent');
    const impatient = service.client(AbortSignal.abort());
    const patient = service.client();
    await assert.rejects(impatient, { name: 'AbortError' });
    source.found = { connection: CONNECTION };
    gate.resolve(CONNECTION);
    await patient;
    await parts.status('live');
  });

  it('asks for no token by itself, and forgets one that is refused', async () => {
    const { controlPlane, service, source } = parts;
    controlPlane.unhealthy = new UnauthorizedError('The token is not valid.');
    service.start();
    await parts.status('locked');
    assert.deepEqual(source.refusedConnections, [CONNECTION]);
    assert.equal(source.ensures, 0);
  });

  it('does not hammer where trying again cannot help', async () => {
    const { service, source } = parts;
    source.found = new InvalidInputError('The address is none.');
    service.start();
    await parts.status('broken');
    const { finds } = source;
    source.found = { connection: CONNECTION };
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(source.finds, finds);
    service.poke();
    await parts.status('live');
  });

  it('reads the past of an operation once', async () => {
    const { service } = parts;
    service.start();
    await parts.status('live');
    assert.ok(service.state.operations.has(operationSubject('op-one')));
    service.loadLines('op-one');
    service.loadLines('op-one');
    await parts.until(() => linesOf(service.state, 'op-one').length > 0);
    assert.deepEqual(
      linesOf(service.state, 'op-one').map(({ message }) => message),
      ['Agent healthy'],
    );
  });

  it('knows the server from the first answer on, and by what is told', async () => {
    const { controlPlane, service } = parts;
    service.start();
    await parts.status('live');
    assert.equal(service.state.cluster?.status, 'no_server');
    controlPlane.send(clusterEvent({ status: 'provisioning' }));
    await parts.until(() => service.state.cluster?.status === 'provisioning');
  });

  it('asks for the server again only for a view that shows it', async () => {
    const { controlPlane, service } = parts;
    service.start();
    await parts.status('live');
    const asks = controlPlane.clusterAsks;
    controlPlane.workshops = [workshop()];
    service.keepFresh().dispose();
    await parts.until(() => workshopsOf(service.state).length === 1);
    assert.equal(controlPlane.clusterAsks, asks);
    controlPlane.cluster = cluster({ status: 'stopped' });
    service.keepClusterFresh().dispose();
    await parts.until(() => service.state.cluster?.status === 'stopped');
  });

  it('lives with a control plane that knows nothing of servers', async () => {
    const { controlPlane, service } = parts;
    controlPlane.cluster = new NotFoundError('There is no such address.');
    service.start();
    await parts.status('live');
    assert.equal(service.state.cluster, undefined);
  });
});
