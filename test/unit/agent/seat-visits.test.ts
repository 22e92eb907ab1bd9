import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '../../../src/agent/agent.ts';
import { SeatRegistry } from '../../../src/agent/seats/seat-registry.ts';
import { createServer } from '../../../src/agent/server.ts';
import type { RunningSeat, SeatKey, VmDriver } from '../../../src/agent/vmm/driver.ts';
import type { HttpService } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';

const KEY: SeatKey = { workshopId: 'ws-a', seatId: 1 };
const TOKEN = 'the-agent-token';

/** Answers for what is asked of a seat that goes silent, without a word and without closing, as a machine does. */
const ANSWERS: readonly (readonly [asked: string, answer: string])[] = [
  ['/health', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
  ['/terminal?deaf', ''],
  ['/terminal', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ['/exec', ''],
  ['/watch', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: here\n\n'],
  ['/files/big', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it'],
];

/** Its one seat is that peer. */
class SilentDriver implements VmDriver {
  readonly runtime = 'qemu';
  readonly accelerated = true;
  readonly capacity = 1;
  readonly #port: number;
  runs = true;
  /** Lets a reset that is under way, or the next, end. */
  readonly finished = Promise.withResolvers<undefined>();

  constructor(port: number) {
    this.#port = port;
  }

  versions(): Record<string, string> {
    return {};
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  adopt(): Promise<RunningSeat[]> {
    return Promise.resolve([this.#seat()]);
  }

  create(): Promise<RunningSeat> {
    return Promise.resolve(this.#seat());
  }

  async reset(): Promise<RunningSeat> {
    await this.finished.promise;
    return this.#seat();
  }

  async destroy(): Promise<void> {
    await this.finished.promise;
  }

  isRunning(): boolean {
    return this.runs;
  }

  #seat(): RunningSeat {
    const address = { host: '127.0.0.1', port: this.#port };
    const createdAt = '2026-01-01T00:00:00Z';
    return { key: KEY, ip: null, terminal: address, files: address, startedInMs: 1, fromSnapshot: false, createdAt };
  }
}

/** One request of a client. */
interface Visit {
  /** What has come as its answer. */
  readonly received: () => string;
  readonly closed: Promise<unknown>;
}

async function silentSeat(sockets: Set<Socket>): Promise<Server> {
  const seat = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', (bytes: Buffer) => {
      const [asked = '', answer = ''] =
        ANSWERS.find(([path]) => bytes.toString().split('\r\n')[0]?.includes(path)) ?? [];
      if (asked === '/health') socket.end(answer);
      else if (answer !== '') socket.write(answer);
    });
  });
  await once(seat.listen(0, '127.0.0.1'), 'listening');
  return seat;
}

/** Waits until something is so; a test that has failed by its limit of time does not go on. */
async function until(isSo: () => boolean, tries = 2_000): Promise<void> {
  for (let n = 0; !isSo(); n += 1) {
    assert.ok(n < tries, 'waited in vain');
    await sleep(1);
  }
}

describe('what clients do in a seat that goes without a word', () => {
  let seat: Server;
  let driver: SilentDriver;
  let seats: SeatRegistry;
  let server: HttpService;
  let running: Promise<void>;
  let ended: AbortController;
  let port = 0;
  const seatSockets = new Set<Socket>();
  const clients: Socket[] = [];

  beforeEach(async () => {
    seat = await silentSeat(seatSockets);
    driver = new SilentDriver((seat.address() as AddressInfo).port);
    const log = createLog('test', 'silent');
    seats = new SeatRegistry({ driver, log });
    const agent = new Agent({ driver, seats, workerId: 'worker-1', log });
    server = createServer({ agent, agentToken: TOKEN, workspaceTokenSecret: 'secret', allowedOrigins: [], log });
    ended = new AbortController();
    running = agent.run(ended.signal);
    port = Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port);
    await until(() => agent.isOpen);
    assert.equal(seats.get(KEY).status, 'ready');
  });

  afterEach(async () => {
    driver.finished.resolve(undefined);
    ended.abort();
    await running;
    for (const socket of [...clients.splice(0), ...seatSockets]) socket.destroy();
    await server.close();
    seat.close();
  });

  /** Sends a request, and returns once the seat has got it and the client what the seat says, with all that comes. */
  async function ask(path: string, method = 'GET'): Promise<Visit> {
    const before = seatSockets.size;
    const client = connect(port, '127.0.0.1').on('error', () => undefined);
    clients.push(client);
    let received = '';
    client.on('data', (bytes: Buffer) => (received += bytes.toString()));
    const closed = once(client, 'close');
    const upgrade = path.startsWith('/terminal') ? 'Connection: Upgrade\r\nUpgrade: websocket\r\n' : '';
    const rest = method === 'GET' ? '' : 'Content-Length: 10\r\n';
    client.write(
      `${method} /proxy/ws-a/1${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n${upgrade}${rest}\r\n`,
    );
    const [, answer = ''] = ANSWERS.find(([asked]) => path.includes(asked)) ?? [];
    const last = answer.split('\r\n').at(-1) ?? '';
    const isAnswered = (): boolean => answer === '' || (received.includes('\r\n\r\n') && received.includes(last));
    await until(() => seatSockets.size > before && isAnswered());
    return { received: () => received, closed };
  }

  const ways: [string, () => void][] = [
    ['reset', () => void seats.reset(KEY)],
    ['deleted', () => void seats.remove(KEY, { keepFiles: false })],
    [
      'found ended',
      () => {
        driver.runs = false;
        seats.noticeEnded();
      },
    ],
  ];
  for (const [what, happens] of ways) {
    it(`ends at once when it is ${what}: terminals, watches and downloads`, async () => {
      const open = [await ask('/terminal'), await ask('/watch?path=.'), await ask('/files/big')];
      assert.equal(seats.get(KEY).connections, 1);
      happens();
      // What happens to the seat itself takes as long as the test wants.
      await Promise.all(open.map(({ closed }) => closed));
      await until(() => seats.get(KEY).connections === 0);
      assert.match(open[0]?.received() ?? '', /^HTTP\/1\.1 101 /);
    });
  }

  it('is told so where the seat has not answered yet', async () => {
    const upload = await ask('/files/new', 'PUT');
    const open = [await ask('/terminal?deaf'), await ask('/exec', 'POST'), upload];
    const reset = seats.reset(KEY);
    for (const { received } of open) {
      await until(() => received().includes('}}'));
      assert.match(received(), /^HTTP\/1\.1 503 .*Seat 1 is resetting\. Try again in a moment\./s);
    }
    driver.finished.resolve(undefined);
    await reset;
    assert.equal((await ask('/terminal')).received().slice(0, 12), 'HTTP/1.1 101');
  });

  it('goes on to its end where the seat is stopped and keeps its files', async () => {
    const download = await ask('/files/big');
    const removed = seats.remove(KEY, { keepFiles: true });
    for (const socket of seatSockets) if (!socket.destroyed) socket.write('x'.repeat(990));
    await until(() => download.received().endsWith('x'.repeat(990)));
    const watch = download.closed;
    driver.finished.resolve(undefined);
    await removed;
    clients[0]?.destroy();
    await watch;
  });
});
