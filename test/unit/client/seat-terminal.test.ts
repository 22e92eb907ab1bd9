import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, it } from 'mocha';
import { WebSocketServer, type WebSocket } from 'ws';
import { MAX_UNACKNOWLEDGED_BYTES } from '../../../src/client/terminal/input-buffer.ts';
import {
  SeatTerminal,
  type SeatTerminalOptions,
  type TerminalState,
} from '../../../src/client/terminal/seat-terminal.ts';
import {
  ConflictError,
  ForbiddenError,
  InternalError,
  InvalidInputError,
  NotFoundError,
  TooLargeError,
  UnauthorizedError,
  type CarapaceError,
} from '../../../src/protocol/errors.ts';
import { TERMINAL_SUBPROTOCOL, type ServerControl } from '../../../src/protocol/terminal.ts';
import { certificate, serve, serveTls, type TestServer } from './servers.ts';

type Ready = Extract<ServerControl, { type: 'ready' }>;

/** One connection as the seat sees it. */
interface Visit {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly input: Buffer[];
  readonly control: Record<string, unknown>[];
}

/** A seat that does what each test says. */
class ScriptedSeat {
  readonly visits: Visit[] = [];
  readonly server: TestServer;
  readonly #sockets: WebSocketServer;
  /** Answers a status instead of an upgrade. */
  refuse: (request: IncomingMessage) => { status: number; body: unknown } | undefined = () => undefined;
  onVisit: (visit: Visit, number: number) => void = (visit) => this.ready(visit);

  constructor(server: TestServer) {
    this.server = server;
    this.#sockets = new WebSocketServer({ noServer: true, handleProtocols: () => TERMINAL_SUBPROTOCOL });
    server.server.on('upgrade', (request, socket, head) => {
      const refusal = this.refuse(request);
      if (refusal !== undefined) {
        const body = JSON.stringify(refusal.body);
        socket.end(`HTTP/1.1 ${refusal.status} No\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#visit(webSocket, request));
    });
  }

  #visit(socket: WebSocket, request: IncomingMessage): void {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    const visit: Visit = { socket, request, query, input: [], control: [] };
    socket.on('message', (data: Buffer, binary) => {
      if (binary) visit.input.push(data);
      else visit.control.push(JSON.parse(data.toString()) as Record<string, unknown>);
    });
    this.visits.push(visit);
    this.onVisit(visit, this.visits.length);
  }

  ready(visit: Visit, ready: Partial<Ready> = {}): void {
    this.tell(visit, {
      type: 'ready',
      session: 'session-1',
      offset: 0,
      input_offset: 0,
      cols: 80,
      rows: 24,
      replayed: 0,
      skipped: 0,
      ...ready,
    });
  }

  tell(visit: Visit, control: ServerControl): void {
    visit.socket.send(JSON.stringify(control));
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    await this.server.close();
  }
}

/** A terminal with all that its handlers were told. */
class Watched {
  readonly states: TerminalState[] = [];
  readonly shown: Buffer[] = [];
  readonly skipped: number[] = [];
  exit: { code: number; signal: string | null } | undefined;
  failure: CarapaceError | undefined;
  readonly terminal: SeatTerminal;

  constructor(options: SeatTerminalOptions) {
    this.terminal = new SeatTerminal(options, {
      onData: (bytes) => void this.shown.push(Buffer.from(bytes)),
      onState: (state) => void this.states.push(state),
      onExit: (exit) => (this.exit = exit),
      onSkipped: (bytes) => void this.skipped.push(bytes),
      onFailed: (error) => (this.failure = error),
    });
  }

  get text(): string {
    return Buffer.concat(this.shown).toString();
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 25_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('SeatTerminal', () => {
  const seats: ScriptedSeat[] = [];
  const terminals: SeatTerminal[] = [];
  afterEach(async () => {
    for (const terminal of terminals.splice(0)) terminal.dispose();
    for (const seat of seats.splice(0)) await seat.close();
  });

  async function scripted(tls = false): Promise<ScriptedSeat> {
    const server = tls ? await serveTls('one', () => undefined) : await serve(() => undefined);
    const seat = new ScriptedSeat(server);
    seats.push(seat);
    return seat;
  }

  function open(seat: ScriptedSeat, options: Partial<SeatTerminalOptions> = {}, tokens: string[] = []): Watched {
    const watched = new Watched({
      getAccess: () => {
        tokens.push(`token-${tokens.length + 1}`);
        return Promise.resolve({
          endpoint: seat.server.url,
          token: tokens.at(-1)!,
          expires_at: new Date(Date.now() + 3_600_000).toISOString(),
        });
      },
      workshopId: 'ws-1',
      seat: 2,
      cols: 80,
      rows: 24,
      ...options,
    });
    terminals.push(watched.terminal);
    return watched;
  }

  const visit = (seat: ScriptedSeat, number: number): Visit => seat.visits[number - 1]!;
  const typed = (of: Visit): string => Buffer.concat(of.input).toString();

  it('connects, types what was typed before, shows what comes, and ends with the exit code', async () => {
    const seat = await scripted();
    const watched = open(seat);
    watched.terminal.write('early ');
    watched.terminal.write(Buffer.from('bytes'));
    await until(() => seat.visits.length === 1 && typed(visit(seat, 1)) === 'early bytes');
    const { request, query, socket } = visit(seat, 1);
    assert.equal(request.headers.authorization, 'Bearer token-1');
    assert.match(request.url ?? '', /^\/proxy\/ws-1\/2\/terminal\?/);
    assert.doesNotMatch(request.url ?? '', /token/);
    assert.equal(request.headers['sec-websocket-extensions'], undefined);
    assert.match(query.get('client') ?? '', /^[A-Za-z0-9_-]{8,64}$/);
    assert.equal(query.get('session'), null);
    assert.equal(watched.terminal.session, 'session-1');
    socket.send(Buffer.from('hello'));
    seat.tell(visit(seat, 1), { type: 'exit', code: 3, signal: null });
    await until(() => watched.exit !== undefined);
    assert.deepEqual(watched.exit, { code: 3, signal: null });
    assert.equal(watched.text, 'hello');
    assert.deepEqual(watched.states, ['connecting', 'connected', 'closed']);
    watched.terminal.write('nobody there');
  });

  it('goes on both ways after a drop, with the same client id and the size of now', async () => {
    const seat = await scripted();
    seat.onVisit = (of, number) => {
      // The second time it repeats 3 bytes that were seen, and has 2 of the 6 bytes of input.
      seat.ready(of, number === 1 ? {} : { offset: 2, input_offset: 2, replayed: 6 });
      of.socket.send(Buffer.from(number === 1 ? 'abcde' : 'cdefgh'));
    };
    const watched = open(seat);
    await until(() => watched.text === 'abcde');
    watched.terminal.write('123456');
    await until(() => typed(visit(seat, 1)) === '123456');
    visit(seat, 1).socket.terminate();
    await until(() => watched.states.includes('reconnecting'));
    watched.terminal.resize(100, 40);
    watched.terminal.write('78');
    await until(() => watched.text === 'abcdefgh' && typed(visit(seat, 2)) === '345678');
    const { query, control } = visit(seat, 2);
    assert.equal(query.get('client'), visit(seat, 1).query.get('client'));
    assert.equal(query.get('session'), 'session-1');
    assert.equal(query.get('offset'), '5');
    assert.equal(query.get('cols'), '100');
    await until(() => control.some(({ type, cols, rows }) => type === 'resize' && cols === 100 && rows === 40));
    assert.deepEqual(watched.states, ['connecting', 'connected', 'reconnecting', 'connected']);
    assert.deepEqual(watched.skipped, []);
  });

  it('acknowledges output: every few thousand bytes, and the rest when nothing more comes', async () => {
    const seat = await scripted();
    const watched = open(seat);
    await until(() => watched.states.includes('connected'));
    const { socket, control } = visit(seat, 1);
    socket.send(Buffer.alloc(6_000, 'x'));
    socket.send(Buffer.alloc(10, 'y'));
    const acknowledged = (): unknown[] => control.filter(({ type }) => type === 'ack').map(({ bytes }) => bytes);
    await until(() => acknowledged().includes(6_010));
    assert.deepEqual(acknowledged(), [6_000, 6_010]);
  });

  it('acknowledges nothing while its consumer holds it, and goes on where it was', async () => {
    const seat = await scripted();
    const watched = open(seat);
    await until(() => watched.states.includes('connected'));
    watched.terminal.pause();
    const { socket, control } = visit(seat, 1);
    socket.send(Buffer.alloc(20_000, 'x'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(watched.text, '');
    assert.ok(!control.some(({ type }) => type === 'ack'));
    watched.terminal.resume();
    await until(() => watched.text.length === 20_000 && control.some(({ bytes }) => bytes === 20_000));
  });

  it('says how much was lost, also in the middle of a connection, and does not type twice then', async () => {
    const seat = await scripted();
    seat.onVisit = (of) => seat.ready(of, { offset: 500, skipped: 500 });
    const watched = open(seat);
    watched.terminal.write('once');
    await until(() => seat.visits.length === 1 && typed(visit(seat, 1)) === 'once');
    seat.ready(visit(seat, 1), { offset: 900, skipped: 400, input_offset: 0 });
    visit(seat, 1).socket.send(Buffer.from('tail'));
    watched.terminal.write(' more');
    await until(() => watched.text === 'tail' && typed(visit(seat, 1)).endsWith(' more'));
    assert.deepEqual(watched.skipped, [500, 400]);
    assert.equal(typed(visit(seat, 1)), 'once more');
  });

  it('asks for access again after a refusal, and gives up when fresh tokens are refused', async () => {
    const seat = await scripted();
    const refusal = { status: 401, body: { error: { code: 'UNAUTHORIZED', message: 'Too old.' } } };
    seat.refuse = ({ headers }) => (headers.authorization === 'Bearer token-1' ? refusal : undefined);
    const tokens: string[] = [];
    const watched = open(seat, {}, tokens);
    await until(() => watched.states.includes('connected'));
    assert.deepEqual(tokens, ['token-1', 'token-2']);
    seat.refuse = () => refusal;
    visit(seat, 1).socket.terminate();
    await until(() => watched.failure !== undefined);
    assert.ok(watched.failure instanceof UnauthorizedError);
    assert.equal(watched.failure.message, 'Too old.');
    assert.equal(watched.states.at(-1), 'closed');
  });

  it('follows an endpoint that has moved', async () => {
    const [old, moved] = [await scripted(), await scripted()];
    const watched = open(old, {
      getAccess: () => {
        const now = old.visits.length === 0 ? old : moved;
        return Promise.resolve({
          endpoint: now.server.url,
          token: 't',
          expires_at: new Date(Date.now() + 3_600_000).toISOString(),
        });
      },
    });
    await until(() => watched.states.includes('connected'));
    seats.splice(seats.indexOf(old), 1);
    await old.close();
    await until(() => moved.visits.length === 1);
    assert.equal(visit(moved, 1).query.get('session'), 'session-1');
  });

  it('knows the ends that are for good', async () => {
    const ends: [number, new (message: string) => CarapaceError, RegExp][] = [
      [4004, NotFoundError, /the shell has ended meanwhile/i],
      [4009, ConflictError, /taken over/],
    ];
    for (const [code, kind, message] of ends) {
      const seat = await scripted();
      seat.onVisit = (of) => {
        seat.ready(of);
        of.socket.close(code);
      };
      const watched = open(seat);
      await until(() => watched.failure !== undefined);
      assert.ok(watched.failure instanceof kind);
      assert.match(watched.failure.message, message);
      assert.equal(seat.visits.length, 1);
    }
    const seat = await scripted();
    seat.refuse = () => ({ status: 403, body: { error: { code: 'FORBIDDEN', message: 'Another seat.' } } });
    const watched = open(seat);
    await until(() => watched.failure !== undefined);
    assert.ok(watched.failure instanceof ForbiddenError);
  });

  it('refuses counts that would garble the input', async () => {
    const seat = await scripted();
    const watched = open(seat);
    await until(() => watched.states.includes('connected'));
    seat.tell(visit(seat, 1), { type: 'ack', bytes: 1 });
    await until(() => watched.failure !== undefined);
    assert.ok(watched.failure instanceof InternalError);
  });

  it('refuses input that is too much, and input of a view', async () => {
    const seat = await scripted();
    const writer = open(seat);
    writer.terminal.write(Buffer.alloc(MAX_UNACKNOWLEDGED_BYTES));
    assert.throws(() => writer.terminal.write('x'), TooLargeError);
    const view = open(seat, { mode: 'view', session: 'session-1' });
    await until(() => view.states.includes('connected'));
    assert.throws(() => view.terminal.write('x'), ForbiddenError);
    const watching = seat.visits.find(({ query }) => query.get('mode') === 'view');
    assert.equal(watching?.query.get('session'), 'session-1');
    assert.ok(!watching.control.some(({ type }) => type === 'resize'));
  });

  it('leaves with a goodbye and no further attempt', async () => {
    const seat = await scripted();
    const watched = open(seat);
    await until(() => watched.states.includes('connected'));
    const closed = once(visit(seat, 1).socket, 'close');
    watched.terminal.dispose();
    assert.deepEqual((await closed)[0], 1000);
    assert.deepEqual(watched.states, ['connecting', 'connected', 'closed']);
    assert.equal(watched.failure, undefined);
    assert.equal(watched.exit, undefined);
  });

  it('pins the certificate of the access', async () => {
    const seat = await scripted(true);
    const access =
      (pinned: string): SeatTerminalOptions['getAccess'] =>
      () =>
        Promise.resolve({
          endpoint: seat.server.url,
          certificate: pinned,
          token: 't',
          expires_at: new Date(Date.now() + 3_600_000).toISOString(),
        });
    const right = open(seat, { getAccess: access(certificate('one')) });
    const wrong = open(seat, { getAccess: access(certificate('two')) });
    await until(() => right.states.includes('connected'));
    assert.ok(!wrong.states.includes('connected'));
    assert.equal(seat.visits.length, 1);
  });

  it('opens nothing where a certificate is to be pinned and the endpoint is without TLS', async () => {
    const seat = await scripted();
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const access = { endpoint: seat.server.url, certificate: certificate('one'), token: 't', expires_at };
    const refused = open(seat, { getAccess: () => Promise.resolve(access) });
    await until(() => refused.failure !== undefined);
    assert.ok(refused.failure instanceof InvalidInputError);
    assert.equal(seat.visits.length, 0);
  });
});
