import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Connection } from '../../../src/client/connection.ts';
import type { Joined as JoinAnswer, JoinRequest } from '../../../src/protocol/access.ts';
import { ConflictError, NotFoundError, UnavailableError } from '../../../src/protocol/errors.ts';
import { joinedId } from '../../../src/providers/learner/joined-seat.ts';
import { JoinedStore } from '../../../src/providers/learner/joined-store.ts';
import { joinWorkshop, type JoinWish } from '../../../src/providers/learner/joining.ts';
import { KnownServers } from '../../../src/providers/learner/known-servers.ts';
import { Learners } from '../../../src/providers/learner/learners.ts';
import { placeOf } from '../../../src/providers/learner/place.ts';
import { joinUriHandler } from '../../../src/providers/learner/uri-handler.ts';
import { Secrets } from '../../../src/providers/secrets.ts';
import { parseJoinLink } from '../../../src/protocol/join-link.ts';
import { fakeVscode } from './fake-vscode.ts';
import { t } from './fixtures.ts';
import { FakeServer, joined, keyStore, LEARNER_TOKEN, view } from './learner-setup.ts';

const quiet = { info: () => undefined, warn: () => undefined };
const { signal } = new AbortController();
const SERVER = 'https://class.example.org';

/** A window: what it keeps, and the sessions that it follows. */
function openWindow(storage = keyStore()) {
  let warnings = 0;
  const store = new JoinedStore(new Secrets(storage, quiet, () => (warnings += 1)));
  const server = new FakeServer();
  const learners = new Learners({
    changed: new fakeVscode.EventEmitter<void>(),
    store,
    connect: () => Promise.resolve(server.client),
    log: quiet,
    t,
  });
  return { storage, store, server, learners, warnings: () => warnings };
}

describe('the workshops that were joined', () => {
  it('are 100 at most: those that were joined last', async () => {
    const storage = keyStore();
    let now = 1_000;
    const store = new JoinedStore(new Secrets(storage, quiet, () => undefined), () => now);
    const codes = Array.from({ length: 103 }, (_, index) => `CODE${index}`);
    // One of an earlier version does not say when it was kept; one of a later version is nobody's to remove.
    const [early, later] = [joined({ code: 'EARLY' }), 'carapace.joined later'];
    storage.kept.set(`carapace.joined ${joinedId(early)}`, JSON.stringify(early));
    storage.kept.set(later, '{}');
    for (const code of [...codes, 'CODE3']) {
      now += 1;
      await store.put(joined({ code }));
    }
    now -= 1_000;
    const kept = [...((await store.all())?.values() ?? [])].map(({ code }) => code);
    // The fourth was joined again when the hundredth was long there.
    assert.deepEqual(new Set(kept), new Set(codes.slice(3)));
    assert.equal(kept[0], 'CODE3');
    assert.equal(storage.kept.size, 101);
    assert.ok(storage.kept.has(later));
    assert.deepEqual(await store.get(joinedId({ server: early.server, code: 'CODE3' })), joined({ code: 'CODE3' }));
  });

  it('are there again in the next window, in the order of their names', async () => {
    const { storage, learners } = openWindow();
    const other = { workshop: 'ws-two', workshop_name: 'Advanced', number: 1, learner_token: 'other' };
    await learners.add(joined(), view());
    await learners.add(joined({ code: 'WXYZ2345', seat: other }), undefined);
    learners.dispose();
    const next = openWindow(storage);
    assert.equal(next.learners.isLoaded, false);
    const known = next.learners.whenLoaded().then(() => next.learners.of('ws-one')?.seat);
    await next.learners.load();
    assert.deepEqual(
      next.learners.all.map(({ workshopName, seat }) => [workshopName, seat]),
      [
        ['Advanced', 1],
        ['Intro', 2],
      ],
    );
    assert.equal(next.learners.isLoaded, true);
    assert.equal(await known, 2);
    next.learners.dispose();
  });

  it("are found by their workshop, and by the seat that is one's own", async () => {
    const { learners } = openWindow();
    const session = await learners.add(joined(), view());
    assert.equal(learners.of('ws-one'), session);
    assert.equal(learners.ofSeat('ws-one', 2), session);
    assert.equal(learners.ofSeat('ws-one', 1), undefined);
    assert.equal(learners.of('ws-two'), undefined);
    learners.dispose();
  });

  it('come and go with what another window keeps; a session that goes on is not begun anew', async () => {
    const { storage, learners, store } = openWindow();
    await learners.add(joined(), view());
    const [session] = learners.all;
    await learners.load();
    assert.equal(learners.all[0], session);
    const other = openWindow(storage);
    await other.learners.load();
    const [theirs] = other.learners.all;
    assert.ok(theirs !== undefined);
    await other.learners.leave(theirs);
    await learners.load();
    assert.deepEqual(learners.all, []);
    assert.deepEqual(await store.all(), new Map());
    for (const window of [learners, other.learners]) window.dispose();
  });

  it('stay left, also where the key store has told of a change at the same moment', async () => {
    const { learners } = openWindow();
    const session = await learners.add(joined(), view());
    await Promise.all([learners.load(), learners.leave(session), learners.load()]);
    assert.deepEqual(learners.all, []);
    learners.dispose();
  });

  it('are kept in memory where the key store fails, with one word to the user', async () => {
    const { learners, store, warnings } = openWindow(keyStore(false));
    await learners.load();
    assert.deepEqual(learners.all, []);
    await learners.add(joined(), view());
    await learners.add(joined({ code: 'WXYZ2345' }), view());
    await learners.load();
    assert.equal(learners.all.length, 2);
    assert.equal(warnings(), 1);
    assert.deepEqual(await store.get(joinedId(joined())), joined());
    learners.dispose();
  });

  it('go on where the key store does not answer for a moment', async () => {
    const { storage, learners } = openWindow();
    await learners.add(joined(), view());
    const keys = storage.keys.bind(storage);
    storage.keys = () => Promise.reject(new Error('locked'));
    await learners.load();
    assert.equal(learners.all.length, 1);
    storage.keys = keys;
    storage.kept.clear();
    await learners.load();
    assert.equal(learners.all.length, 0);
    learners.dispose();
  });

  it('are left alone where what is kept cannot be read', async () => {
    const { storage, learners } = openWindow();
    storage.kept.set('carapace.joined x', 'no JSON');
    storage.kept.set('carapace.joined y', '{"later":true}');
    storage.kept.set('carapace.token https://class.example.org', 'a token');
    await learners.add(joined(), view());
    await learners.load();
    assert.equal(learners.all.length, 1);
    learners.dispose();
  });

  it('have names in the key store that tell neither the server nor the code', async () => {
    const { storage, learners } = openWindow();
    await learners.add(joined(), view());
    for (const key of storage.kept.keys()) assert.doesNotMatch(key, /example|ABCD/i);
    learners.dispose();
  });
});

describe('joining', () => {
  function setUp(options: { answers?: (request: JoinRequest) => JoinAnswer; ownElsewhere?: boolean } = {}) {
    const window = openWindow();
    const requests: { request: JoinRequest; connection: Connection; kept: number }[] = [];
    const answer = (request: JoinRequest): JoinAnswer => ({
      token: 'seat-token',
      learner_token: LEARNER_TOKEN,
      endpoint: 'http://127.0.0.1:9090',
      workshop_id: 'ws-one',
      seat: 2,
      rejoin_code: request.rejoin_code ?? 'made by the server',
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const parts = {
      store: window.store,
      learners: window.learners,
      connect: (connection: Connection) => ({
        join: (request: JoinRequest) => {
          requests.push({ request, connection, kept: window.storage.kept.size });
          return Promise.resolve().then(() => (options.answers ?? answer)(request));
        },
        learner: () => Promise.resolve(view()),
      }),
      isOwnElsewhere: () => options.ownElsewhere === true,
      t,
    };
    const wish: JoinWish = {
      server: SERVER,
      url: SERVER,
      certificate: undefined,
      code: 'ABCD2345',
      rejoinCode: undefined,
      name: 'Alice',
    };
    return { ...window, parts, requests, wish };
  }

  it('keeps the code to come back with before it is used', async () => {
    const { parts, wish, requests, learners, store } = setUp();
    const session = await joinWorkshop(parts, wish, signal);
    assert.equal(requests[0]?.kept, 1);
    assert.match(requests[0].request.rejoin_code ?? '', /^[0-9a-z]{26}$/);
    assert.deepEqual([session.workshopId, session.seat, session.workshopName], ['ws-one', 2, 'Intro']);
    const kept = await store.get(joinedId(wish));
    assert.equal(kept?.rejoin_code, requests[0].request.rejoin_code);
    assert.equal(kept?.seat?.learner_token, LEARNER_TOKEN);
    learners.dispose();
  });

  it('leads back to the same seat by the same link, also where an answer was lost', async () => {
    let isLost = true;
    const { parts, wish, requests, learners } = setUp();
    const lossy = {
      ...parts,
      connect: (connection: Connection) => ({
        ...parts.connect(connection),
        join: async (request: JoinRequest) => {
          const answer = await parts.connect(connection).join(request);
          if (isLost) throw new UnavailableError('Nobody answers.');
          return answer;
        },
      }),
    };
    await assert.rejects(joinWorkshop(lossy, wish, signal), UnavailableError);
    isLost = false;
    await joinWorkshop(lossy, wish, signal);
    await joinWorkshop(lossy, wish, signal);
    assert.equal(new Set(requests.map(({ request }) => request.rejoin_code)).size, 1);
    assert.equal(learners.all.length, 1);
    learners.dispose();
  });

  it('takes the code of a personal link', async () => {
    const { parts, wish, requests, learners } = setUp();
    await joinWorkshop(parts, { ...wish, rejoinCode: 'theirs-'.repeat(3) }, signal);
    assert.equal(requests[0]?.request.rejoin_code, 'theirs-theirs-theirs-');
    learners.dispose();
  });

  it('keeps nothing of what the server has refused', async () => {
    const { parts, wish, storage } = setUp({
      answers: () => {
        throw new NotFoundError('No workshop has this join code.');
      },
    });
    await assert.rejects(joinWorkshop(parts, wish, signal), NotFoundError);
    assert.equal(storage.kept.size, 0);
  });

  it('pins the certificate that was agreed to, there and later', async () => {
    const { parts, wish, requests, learners, store } = setUp();
    await joinWorkshop(parts, { ...wish, certificate: 'PEM' }, signal);
    assert.equal(requests[0]?.connection.certificate, 'PEM');
    assert.equal((await store.get(joinedId(wish)))?.certificate, 'PEM');
    learners.dispose();
  });

  it("lets no server take a workshop that is another one's", async () => {
    const { parts, wish, learners } = setUp();
    await joinWorkshop(parts, wish, signal);
    const other = { ...wish, server: 'https://evil.example.org', url: 'https://evil.example.org' };
    await assert.rejects(joinWorkshop(parts, other, signal), ConflictError);
    assert.equal(learners.of('ws-one')?.record.server, SERVER);
    learners.dispose();
    const own = setUp({ ownElsewhere: true });
    await assert.rejects(joinWorkshop(own.parts, own.wish, signal), ConflictError);
    assert.deepEqual(own.learners.all, []);
  });
});

describe('where a join link leads', () => {
  const place = (server: string | undefined, configured = '', url = 'http://127.0.0.1:4711') =>
    placeOf(
      { service: { url, client: () => Promise.resolve({} as never) }, configured: () => configured, t },
      server,
      signal,
    );

  it("is this editor's own control plane for a code alone, and for a link to it", async () => {
    const own = { server: null, url: 'http://127.0.0.1:4711' };
    assert.deepEqual(await place(undefined), own);
    assert.deepEqual(await place('http://127.0.0.1:4711'), own);
    assert.deepEqual(await place('http://127.0.0.1:4712'), {
      server: 'http://127.0.0.1:4712',
      url: 'http://127.0.0.1:4712',
    });
  });

  it('is the server of the settings for a code alone', async () => {
    assert.deepEqual(await place(undefined, SERVER, SERVER), { server: SERVER, url: SERVER });
  });

  it('is nowhere in the clear', async () => {
    for (const url of ['http://class.example.org', 'http://192.168.1.5:8080', 'http://127.0.0.1.evil.org']) {
      await assert.rejects(place(url), /without encryption/, url);
    }
  });
});

describe('links that open the editor', () => {
  it('are asked about before anything is joined', () => {
    const seen: { link: string; ask: true }[] = [];
    const handler = joinUriHandler((argument) => seen.push(argument));
    const parts = { scheme: 'vscode', authority: 'carapace.carapace', path: '/join' };
    const uri = { ...parts, query: 'server=https://class.example.org:8443', fragment: 'ABCD-2345' };
    void handler.handleUri(uri as never);
    assert.deepEqual(
      seen.map(({ ask }) => ask),
      [true],
    );
    assert.deepEqual(parseJoinLink(seen[0]?.link ?? ''), {
      server: 'https://class.example.org:8443',
      code: 'ABCD2345',
      rejoinCode: undefined,
    });
  });
});

describe('servers that are known', () => {
  it('are remembered with what was agreed to', async () => {
    const kept = new Map<string, unknown>();
    const memory = {
      keys: () => [...kept.keys()],
      get: (key: string, absent?: unknown) => kept.get(key) ?? absent,
      update: (key: string, value: unknown) => Promise.resolve(void kept.set(key, value)),
    };
    const known = new KnownServers(memory as never);
    assert.equal(known.get(SERVER), undefined);
    await known.agree(SERVER, undefined);
    assert.equal(known.get(SERVER), '');
    await known.agree(SERVER, 'PEM');
    assert.equal(known.get(SERVER), 'PEM');
    for (let count = 0; count < 200; count += 1) await known.agree(`https://${count}.example.org`, undefined);
    assert.equal(known.get(SERVER), undefined);
    assert.equal(known.get('https://199.example.org'), '');
  });
});
