/** What the agent measures: its requests, its seats, and what passes through to them. */
import type { Socket } from 'node:net';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { measureRequests, routeOf } from '../lib/http-metrics.ts';
import type { HttpService } from '../lib/http-service.ts';
import { vmStatusSchema } from '../protocol/agent.ts';
import type { Agent } from './agent.ts';
import type { TokenVerifier } from './token.ts';

/** What takes time to make, by its route. */
const MAKING: Readonly<Record<string, 'make' | 'reset'>> = {
  'POST /vms': 'make',
  'POST /vms/:workshop/:seat/reset': 'reset',
};

/** In seconds. */
const MAKING_BUCKETS = [0.1, 0.3, 1, 3, 10, 30, 120];

export interface AgentMetrics {
  readonly registry: Registry;
  /** The same check of tokens, with those that it refuses counted. */
  counting(verify: TokenVerifier): TokenVerifier;
  /** Counts the bytes of a connection that is to become a terminal. */
  follow(socket: Socket): void;
}

/** Measures from now on; to be called before the routes are added. */
export function measureAgent(service: HttpService, agent: Agent, proxyRoute: string): AgentMetrics {
  const registry = measureRequests(service);
  measureSeats(agent, registry);
  measureMaking(service, registry);
  const refused = new Counter({
    name: 'carapace_refused_tokens_total',
    help: 'Tokens that were not valid, or not any more',
    registers: [registry],
  });
  service.addHook('onResponse', (request, reply, done) => {
    if (reply.statusCode === 401 && routeOf(request) !== proxyRoute) refused.inc();
    done();
  });
  return {
    registry,
    counting: (verify) => async (token) => {
      const caller = await verify(token);
      if (caller === undefined) refused.inc();
      return caller;
    },
    follow: measureBytes(service, registry, proxyRoute),
  };
}

function measureSeats({ seats }: Agent, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'carapace_agent_seats',
    help: 'Seats by status',
    labelNames: ['status'],
    registers,
    collect() {
      for (const status of vmStatusSchema.options) this.set({ status }, 0);
      for (const { status } of seats.list()) this.inc({ status });
    },
  });
  new Gauge({
    name: 'carapace_agent_connections',
    help: 'Open terminals',
    registers,
    collect() {
      this.set(seats.list().reduce((sum, { connections }) => sum + connections, 0));
    },
  });
}

function measureMaking(service: HttpService, registry: Registry): void {
  const durations = new Histogram({
    name: 'carapace_agent_seat_seconds',
    help: 'How long making and resetting seats took',
    labelNames: ['what', 'outcome'],
    buckets: MAKING_BUCKETS,
    registers: [registry],
  });
  service.addHook('onResponse', (request, reply, done) => {
    const what = MAKING[`${request.method} ${routeOf(request)}`];
    const outcome = reply.statusCode < 300 ? 'done' : 'failed';
    // What is refused at once says nothing of how long making takes.
    const wasTried = outcome === 'done' || reply.statusCode >= 500;
    if (what !== undefined && wasTried) durations.observe({ what, outcome }, reply.elapsedTime / 1000);
    done();
  });
}

/** Bytes of clients: those of files are counted when a request has ended, those of terminals as they pass. */
function measureBytes(service: HttpService, registry: Registry, proxyRoute: string): (socket: Socket) => void {
  const totals = { terminal: { in: 0, out: 0 }, files: { in: 0, out: 0 } };
  const terminals = new Set<Socket>();
  // A connection takes one request after the other; what was read of the next one counts with that.
  const counted = new WeakMap<Socket, { in: number; out: number }>();
  const bytesOf = ({ bytesRead, bytesWritten }: Socket) => ({ in: bytesRead, out: bytesWritten });
  new Counter({
    name: 'carapace_agent_proxied_bytes_total',
    help: 'Bytes between clients and seats, from and to the client',
    labelNames: ['service', 'direction'],
    registers: [registry],
    collect() {
      this.reset();
      const open = [...terminals].map(bytesOf);
      for (const direction of ['in', 'out'] as const) {
        const passing = open.reduce((sum, bytes) => sum + bytes[direction], 0);
        this.inc({ service: 'terminal', direction }, totals.terminal[direction] + passing);
        this.inc({ service: 'files', direction }, totals.files[direction]);
      }
    },
  });
  service.addHook('onResponse', (request, _reply, done) => {
    const { socket } = request.raw;
    const start = counted.get(socket) ?? { in: 0, out: 0 };
    const end = bytesOf(socket);
    counted.set(socket, end);
    if (routeOf(request) === proxyRoute) {
      totals.files.in += end.in - start.in;
      totals.files.out += end.out - start.out;
    }
    done();
  });
  return (socket) => {
    terminals.add(socket);
    socket.once('close', () => {
      terminals.delete(socket);
      totals.terminal.in += socket.bytesRead;
      totals.terminal.out += socket.bytesWritten;
    });
  };
}
