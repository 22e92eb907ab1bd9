import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { joinSeat, type JoiningParts } from '../../../src/browser/join-seat.ts';
import { KeptSeats } from '../../../src/browser/kept-seats.ts';
import type { JoinRequest, Joined } from '../../../src/protocol/access.ts';
import { NotFoundError, SlowDownError, UnavailableError } from '../../../src/protocol/errors.ts';
import { MemoryStore } from './memory-store.ts';

const CODE = 'ABCD2345';
const WISH = { code: CODE, rejoinCode: undefined, name: ' Alice ' };

class Server {
  readonly asked: JoinRequest[] = [];
  failure: Error | undefined;

  join(request: JoinRequest): Promise<Joined> {
    this.asked.push(request);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve({
      token: 'seat-token',
      learner_token: 'learner-token',
      endpoint: 'http://127.0.0.1:9090',
      workshop_id: 'ws-1',
      seat: 2,
      rejoin_code: request.rejoin_code ?? 'made-up',
      expires_at: '2030-01-01T00:00:00Z',
    });
  }
}

function setUp() {
  const store = new MemoryStore();
  const server = new Server();
  const seats = new KeptSeats(() => store);
  const as = () => ({ learner: () => Promise.reject(new UnavailableError('out of reach')) });
  const parts: JoiningParts = { seats, server, as };
  return { store, server, seats, parts };
}

describe('joining from a page', () => {
  it('keeps what leads back, and nothing that opens the seat by itself in an address or elsewhere', async () => {
    const { store, server, seats, parts } = setUp();
    const kept = await joinSeat(parts, WISH);
    const [asked] = server.asked;
    assert.ok(asked !== undefined);
    assert.equal(asked.name, 'Alice');
    assert.match(asked.rejoin_code ?? '', /^[a-z0-9]{26}$/);
    assert.deepEqual(seats.get('ws-1'), kept);
    assert.deepEqual(seats.byCode(CODE), kept);
    assert.equal(kept.rejoin_code, asked.rejoin_code);
    assert.deepEqual(store.keys, ['carapace.seat.ws-1']);
    assert.ok(!(store.getItem('carapace.seat.ws-1') ?? '').includes('seat-token'));
  });

  it('takes another seat for somebody else at the same browser, by the same code also after a lost answer', async () => {
    const { server, seats, parts } = setUp();
    const { rejoin_code: first } = await joinSeat(parts, WISH);
    server.failure = new UnavailableError('cut');
    const other = { ...WISH, name: 'Bob', isSomebodyElse: true };
    await assert.rejects(joinSeat(parts, other), UnavailableError);
    assert.equal(seats.byCode(CODE)?.rejoin_code, first);
    server.failure = undefined;
    const { rejoin_code: second } = await joinSeat(parts, other);
    assert.notEqual(second, first);
    assert.deepEqual(
      server.asked.map(({ rejoin_code }) => rejoin_code),
      [first, second, second],
    );
    assert.equal(seats.byCode(CODE)?.rejoin_code, second);
  });

  it('asks with the same rejoin code again: after a lost answer, and for a seat that is kept', async () => {
    const { server, seats, parts } = setUp();
    server.failure = new UnavailableError('cut');
    await assert.rejects(joinSeat(parts, WISH), UnavailableError);
    server.failure = new SlowDownError('slow down');
    await assert.rejects(joinSeat(parts, WISH), SlowDownError);
    server.failure = undefined;
    await joinSeat(parts, WISH);
    await joinSeat(parts, WISH);
    assert.equal(new Set(server.asked.map(({ rejoin_code }) => rejoin_code)).size, 1);
    assert.equal(server.asked.length, 4);
    assert.equal(seats.joining(CODE), undefined);
  });

  it('keeps nothing of a code that is none', async () => {
    const { store, server, parts } = setUp();
    server.failure = new UnavailableError('cut');
    await assert.rejects(joinSeat(parts, WISH));
    server.failure = new NotFoundError('no such workshop');
    await assert.rejects(joinSeat(parts, WISH), NotFoundError);
    assert.deepEqual(store.keys, []);
  });

  it('takes the rejoin code of a personal link, and sends no empty name', async () => {
    const { server, parts } = setUp();
    await joinSeat(parts, WISH);
    const kept = await joinSeat(parts, { ...WISH, rejoinCode: 'personal', name: '  ' });
    assert.deepEqual(server.asked[1], { code: CODE, rejoin_code: 'personal' });
    assert.equal(kept.rejoin_code, 'personal');
  });

  it('asks for nothing where the browser keeps nothing: the seat would be lost', async () => {
    const { server, parts } = setUp();
    const seats = new KeptSeats(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    await assert.rejects(joinSeat({ ...parts, seats }, WISH), /keeps nothing for this page/);
    assert.equal(server.asked.length, 0);
  });
});

describe('what a browser keeps', () => {
  it('passes over what it cannot read', () => {
    const { store, seats } = setUp();
    store.setItem('carapace.seat.ws-1', '{"seat":1}');
    store.setItem('carapace.seat.ws-2', 'no JSON');
    store.setItem('other', '1');
    assert.equal(seats.get('ws-1'), undefined);
    assert.equal(seats.get('ws-2'), undefined);
    assert.equal(seats.byCode(CODE), undefined);
  });
});
