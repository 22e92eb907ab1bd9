import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  InvalidInputError,
  NotRunningError,
  UnavailableError,
  UnauthorizedError,
  ConflictError,
} from '../../../src/protocol/errors.ts';
import { isStale, staleMessage, type ConnectionStatus } from '../../../src/providers/model/connection-status.ts';
import { createRequest, runtimeChoices, refuseName, refuseSeats } from '../../../src/providers/model/create-form.ts';
import { formatBytes, formatDuration } from '../../../src/client/format.ts';
import { deletionLosses, resetLosses } from '../../../src/providers/model/losses.ts';
import { nextSteps, problemSentence, withNextStep } from '../../../src/providers/model/problem.ts';
import { parseSeatUri, seatUriParts } from '../../../src/providers/model/seat-uri.ts';
import { EMPTY_STATE, withEvent, type ModelState } from '../../../src/providers/model/state.ts';
import { runningSeats, statusBar } from '../../../src/providers/model/summary.ts';
import { createWorkshopSchema } from '../../../src/protocol/workshop.ts';
import { clusterEvent, NOON, operationEvent, seat, seatEvent, t, workshop, workshopEvent } from './fixtures.ts';

const said = (state: ModelState, status: ConnectionStatus = { kind: 'live' }) => statusBar(state, status, t)?.text;

const LOST: ConnectionStatus = { kind: 'lost', since: NOON, error: undefined };

describe('what is said of the connection', () => {
  it('is nothing while all is well', () => {
    assert.equal(isStale({ kind: 'live' }), false);
    assert.equal(staleMessage({ kind: 'live' }, NOON, t), undefined);
  });

  it('is a sentence for everything else', () => {
    const broken: ConnectionStatus = { kind: 'broken', error: new UnavailableError('x') };
    const others = (['searching', 'absent', 'asleep', 'starting', 'locked'] as const).map((kind) => ({ kind }));
    for (const status of [LOST, broken, ...others]) {
      assert.equal(isStale(status), true);
      assert.match(staleMessage(status, NOON, t) ?? '', /Shown is the last known state/);
    }
    assert.match(staleMessage(LOST, NOON, t) ?? '', /lost at 12:00/);
  });
});

describe('the status bar and the badge', () => {
  const state = [workshopEvent(), seatEvent(), seatEvent({ seat: 2, status: 'booting' })].reduce(
    withEvent,
    EMPTY_STATE,
  );

  it('count workshops and running seats', () => {
    assert.equal(said(state), '$(mortar-board) Carapace: 1 workshop');
    assert.equal(said(withEvent(state, workshopEvent({ id: 'ws-two' }))), '$(mortar-board) Carapace: 2 workshops');
    assert.equal(runningSeats(state), 1);
  });

  it('say nothing where there is nothing', () => {
    assert.equal(said(EMPTY_STATE), undefined);
    assert.equal(said(EMPTY_STATE, LOST), undefined);
  });

  it('show that something is under way, or out of date', () => {
    const busy = withEvent(state, operationEvent());
    assert.match(said(busy) ?? '', /^\$\(loading~spin\)/);
    assert.match(said(busy, LOST) ?? '', /^\$\(warning\)/);
  });

  it('name the server with what it costs, and a click opens its view', () => {
    const running = withEvent(state, clusterEvent());
    assert.equal(said(running), '$(vm-running) Carapace: server running $0.19/h, 1 workshop');
    assert.equal(statusBar(running, { kind: 'live' }, t)?.view, 'carapace.server');
    assert.equal(statusBar(state, { kind: 'live' }, t)?.view, 'carapace.workshops');
    const alone = (changes: Parameters<typeof clusterEvent>[0]) => said(withEvent(EMPTY_STATE, clusterEvent(changes)));
    assert.equal(alone({ status: 'stopped', billed: 'disk' }), '$(vm-outline) Carapace: server stopped $0.011/h');
    assert.equal(alone({ status: 'error', billed: 'unknown' }), '$(error) Carapace: server error');
    assert.equal(alone({ status: 'no_server', billed: 'nothing' }), undefined);
  });
});

describe('the addresses of seat files', () => {
  it('name a workshop, a seat and a path', () => {
    assert.deepEqual(parseSeatUri({ authority: 'ws-one', path: '/12/a folder/b.txt' }), {
      workshop: 'ws-one',
      seat: 12,
      path: 'a folder/b.txt',
    });
    assert.deepEqual(parseSeatUri({ authority: 'ws-one', path: '/1' }), { workshop: 'ws-one', seat: 1, path: '' });
    assert.deepEqual(
      parseSeatUri({ authority: 'ws-one', path: '/1/.vscode/settings.json' })?.path,
      '.vscode/settings.json',
    );
  });

  it('go there and back', () => {
    for (const path of ['', 'x', 'a/b/c d.txt', 'ä/%2e%2e/#?']) {
      const file = { workshop: 'ws-one', seat: 7, path };
      assert.deepEqual(parseSeatUri(seatUriParts(file)), file);
    }
  });

  it('are nothing else', () => {
    const others = ['/', '/.vscode/settings.json', '/.git', '/0/x', '/501/x', '/01/x', '/1e1/x', '/seat/x', ''];
    for (const path of others) assert.equal(parseSeatUri({ authority: 'ws-one', path }), undefined, path);
    assert.equal(parseSeatUri({ authority: 'UPPER', path: '/1/x' }), undefined);
    assert.equal(parseSeatUri({ authority: '', path: '/1/x' }), undefined);
  });
});

describe('the form of a new workshop', () => {
  it('takes Enter all the way through', () => {
    assert.equal(refuseName('', t), undefined);
    assert.equal(refuseSeats('3', t), undefined);
    const request = createRequest({ name: ' ', seats: ' 3 ', provider: 'local', runtime: 'auto' });
    assert.deepEqual(request, { seats: 3, provider: 'local', runtime: 'auto' });
    assert.ok(createWorkshopSchema.safeParse(request).success);
  });

  it('has an honest line for each kind of seats', () => {
    const qemu = { runtime: 'qemu' as const, missing: [{ what: 'an image in /images', command: 'images/build' }] };
    const firecracker = { runtime: 'firecracker' as const, missing: [{ what: 'KVM', command: null }] };
    const known = {
      auto: 'process' as const,
      runtimes: [firecracker, qemu, { runtime: 'process' as const, missing: [] }],
    };
    const choices = runtimeChoices(known, 'auto', t);
    assert.deepEqual(
      choices.map(({ value }) => value),
      ['auto', 'qemu', 'process'],
    );
    assert.match(
      choices[0]?.detail ?? '',
      /^Plain processes .*, without isolation\. MicroVMs need: an image in \/images \(images\/build\)\./,
    );
    assert.deepEqual(
      [choices[1]?.description, choices[1]?.detail],
      ['not possible here yet', 'Missing: an image in /images (images/build).'],
    );
    assert.equal(choices[2]?.description, 'no isolation');
  });

  it('offers machines as what they are, Firecracker where it can be had or was chosen', () => {
    const all = ['firecracker', 'qemu', 'process'] as const;
    const known = { auto: 'firecracker' as const, runtimes: all.map((runtime) => ({ runtime, missing: [] })) };
    const choices = runtimeChoices(known, 'auto', t);
    assert.deepEqual(
      choices.map(({ value }) => value),
      ['auto', ...all],
    );
    assert.equal(choices[0]?.detail, 'The best that it has: MicroVMs (Firecracker).');
    assert.match(choices[2]?.detail ?? '', /Slow where the processor does not help/);
    assert.deepEqual(
      runtimeChoices(undefined, 'firecracker', t).map(({ value }) => value),
      ['auto', ...all],
    );
    assert.match(runtimeChoices(undefined, 'auto', t)[0]?.detail ?? '', /unless it can do better/);
  });

  it('refuses what the protocol refuses, with a reason', () => {
    for (const name of ['x'.repeat(65), 'a\u0007b', 'a\nb']) {
      assert.equal(refuseName(name, t), 'A name has 1 to 64 characters, on one line.');
    }
    assert.equal(refuseName('x'.repeat(64), t), undefined);
    for (const seats of ['0', '501', 'x', '1.5', '-1', '', '1e2', '0x10']) {
      const reason = seats === '' ? 'How many seats?' : 'A whole number from 1 to 500.';
      assert.equal(refuseSeats(seats, t), reason, seats);
    }
    assert.equal(refuseSeats('500', t), undefined);
  });
});

describe('what is told of an error', () => {
  it('is one sentence', () => {
    assert.equal(
      problemSentence(new UnavailableError('It ended. Its log is /x:\nline\nline'), t),
      'It ended. Its log is /x.',
    );
    assert.equal(problemSentence(new TypeError('x is undefined'), t).includes('undefined'), false);
  });

  it('comes with what to do next', () => {
    assert.deepEqual(nextSteps(new InvalidInputError('x')), ['retry', 'showLog']);
    assert.deepEqual(nextSteps(new UnavailableError('x')), ['connect', 'showLog']);
    assert.deepEqual(nextSteps(new UnauthorizedError('x')), ['connect', 'showLog']);
    assert.deepEqual(nextSteps(new NotRunningError('x')), ['start', 'showLog']);
    assert.deepEqual(nextSteps(new ConflictError('x')), ['showLog']);
    assert.deepEqual(nextSteps(new ConflictError('x', withNextStep('create'))), ['create', 'showLog']);
    assert.deepEqual(nextSteps(new Error('x')), ['showLog']);
  });
});

describe('what deleting and resetting lose', () => {
  it('is named, with what keeping it costs', () => {
    const seats = [seat({ learner: 'Alice' }), seat({ seat: 2, learner: 'Bob' })];
    const losses = deletionLosses(workshop(), seats, t);
    assert.match(losses, /Its 3 seats/);
    assert.match(losses, /Alice, Bob/);
    assert.match(losses, /Keeping it costs nothing\./);
    assert.match(
      deletionLosses(workshop({ price_per_hour: 0.5, seats: 1 }), [], t),
      /^Its seat, .* Keeping it costs \$0\.50\/h\.$/,
    );
    assert.match(resetLosses(seat({ learner: 'Alice' }), t), /^All files of Alice/);
  });
});

describe('numbers as a person reads them', () => {
  it('have their units', () => {
    assert.deepEqual(
      [0, 400, 59_400, 59_600, 3_599_000, 3_600_000, 7_380_000].map((ms) => formatDuration(ms, t)),
      ['0 s', '0 s', '59 s', '1 min 0 s', '59 min 59 s', '1 h 0 min', '2 h 3 min'],
    );
    assert.deepEqual(
      [5, 2_048, 3 * 1_048_576].map((bytes) => formatBytes(bytes, t)),
      ['5 bytes', '2 KB', '3.0 MB'],
    );
  });
});
