/** What the control plane measures: its requests, and what is in its store. */
import type { ServerResponse } from 'node:http';
import { Gauge, type Registry } from 'prom-client';
import type { HttpService } from '../../lib/http-service.ts';
import { measureRequests, routeOf } from '../../lib/http-metrics.ts';
import { SEAT_STATUSES, WORKSHOP_STATUSES } from '../../protocol/workshop.ts';
import type { ControlPlane } from '../control-plane.ts';

const STREAMS: ReadonlySet<string> = new Set(['/api/events', '/api/operations/:id/events']);

/** Measures from now on; to be called before the routes are added. */
export function measureControlPlane(service: HttpService, controlPlane: ControlPlane): Registry {
  const registry = measureRequests(service);
  measureStreams(service, registry);
  measureStore(controlPlane, registry);
  return registry;
}

/** How many streams of events are open: those that were refused are not. */
function measureStreams(service: HttpService, registry: Registry): void {
  const open = new Set<ServerResponse>();
  service.addHook('preHandler', (request, { raw }, done) => {
    if (STREAMS.has(routeOf(request))) {
      open.add(raw);
      raw.once('close', () => open.delete(raw));
    }
    done();
  });
  new Gauge({
    name: 'carapace_event_streams',
    help: 'Streams of events that are open',
    registers: [registry],
    collect() {
      this.set([...open].filter(({ headersSent, statusCode }) => headersSent && statusCode === 200).length);
    },
  });
}

/** Read when they are asked for: nothing has to be kept in step. */
function measureStore({ records, store }: ControlPlane, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'carapace_operations',
    help: 'Operations that are kept, which are the newest, by kind and status',
    labelNames: ['kind', 'status'],
    registers,
    collect() {
      this.reset();
      for (const { kind, status } of store.operations.all()) this.inc({ kind, status });
    },
  });
  new Gauge({
    name: 'carapace_workshops',
    help: 'Workshops by status',
    labelNames: ['status'],
    registers,
    collect() {
      for (const status of WORKSHOP_STATUSES) this.set({ status }, 0);
      for (const { status } of records.workshops()) this.inc({ status });
    },
  });
  const connected = new Gauge({
    name: 'carapace_learners_connected',
    help: 'Learners with an open terminal',
    registers,
  });
  new Gauge({
    name: 'carapace_seats',
    help: 'Seats by status',
    labelNames: ['status'],
    registers,
    collect() {
      for (const status of SEAT_STATUSES) this.set({ status }, 0);
      const seats = records.workshops().flatMap(({ id }) => records.seats(id));
      for (const { status } of seats) this.inc({ status });
      connected.set(seats.filter(({ learner, connected: isConnected }) => learner !== null && isConnected).length);
    },
  });
}
