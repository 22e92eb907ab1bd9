/** Joining a real control plane: at once, too late, too often, and by the page behind a link. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { Joined } from '../../src/protocol/access.ts';
import {
  CarapaceError,
  ConflictError,
  NoSeatsError,
  NotFoundError,
  NotRunningError,
  SlowDownError,
} from '../../src/protocol/errors.ts';
import { formatJoinLink, parseJoinLink } from '../../src/protocol/join-link.ts';
import type { Workshop } from '../../src/protocol/workshop.ts';
import { launchBrowser } from '../support/browser.ts';
import { occupy } from '../support/free-port.ts';
import { CARAPACE, TestHome } from './cli-harness.ts';
import { succeeded, TestState, until, type TestControlPlane } from './control-plane-harness.ts';

describe('who has joined, from the command line', function () {
  this.timeout(240_000);

  it('is listed, and loses the seat only after a yes', async () => {
    const home = new TestHome();
    try {
      await home.expect('workshop', 'create', 'Intro', '--seats', '1', '--wait');
      const { code } = (JSON.parse(await home.expect('workshop', 'show', 'Intro', '--json')) as { workshop: Workshop })
        .workshop;
      await home.expect('join', code, '--name', 'Ada', '--json');
      assert.match(await home.expect('workshop', 'learners', 'Intro'), /^1 +Ada +.* no$/m);
      const unasked = await home.run(['seat', 'free', 'Intro', '1']);
      assert.deepEqual([unasked.code, unasked.stderr.includes('--yes')], [2, true]);
      assert.equal((await home.run(['join', code, '--name', 'Ada', '--json'])).code, 0, 'nothing was changed');
      await home.expect('seat', 'free', 'Intro', '1', '--yes', '--wait');
      assert.equal(await home.expect('workshop', 'learners', 'Intro'), 'Nobody has joined "Intro" yet.\n');
      assert.equal((await home.run(['seat', 'free', 'Intro', '1', '--yes'])).code, 3);
    } finally {
      await home.dispose();
    }
  });

  it('is the same learner after the control plane died and has another address', async () => {
    const home = new TestHome();
    let other: Server | undefined;
    try {
      await home.expect('workshop', 'create', 'Intro', '--seats', '1', '--wait');
      const { code } = (JSON.parse(await home.expect('workshop', 'show', 'Intro', '--json')) as { workshop: Workshop })
        .workshop;
      const { url } = await home.connection();
      await home.expect('join', formatJoinLink(url, code), '--name', 'Ada', '--json');
      const { pid } = JSON.parse(readFileSync(join(home.folder, 'daemon.json'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      other = await occupy(url);
      await home.expect('join', code, '--json');
      const next = await home.connection();
      assert.notEqual(next.url, url);
      await home.expect('join', formatJoinLink(next.url, code), '--json');
      assert.match(await home.expect('workshop', 'learners', 'Intro'), /^1 +Ada /m);
    } finally {
      other?.close();
      await home.dispose();
    }
  });

  it('does not take a seat again by itself that was taken from them while their shell was open', async () => {
    const home = new TestHome();
    try {
      await home.expect('workshop', 'create', 'Intro', '--seats', '2', '--wait');
      const { code } = (JSON.parse(await home.expect('workshop', 'show', 'Intro', '--json')) as { workshop: Workshop })
        .workshop;
      const shell = spawn(CARAPACE, ['join', code, '--name', 'Ada'], { env: home.environment });
      const ended = once(shell, 'close');
      let [shown, told] = ['', ''];
      shell.stdout.on('data', (bytes: Buffer) => (shown += bytes.toString()));
      shell.stderr.on('data', (bytes: Buffer) => (told += bytes.toString()));
      shell.stdin.write('echo the-$((20+22))-shell\n');
      await until('their shell is open', () => (shown.includes('the-42-shell') ? true : undefined));
      await home.expect('seat', 'free', 'Intro', '1', '--yes', '--wait');
      const [exitCode] = (await Promise.race([ended, sleep(90_000, ['it runs on'], { ref: false })])) as unknown[];
      shell.kill();
      assert.equal(await home.expect('workshop', 'learners', 'Intro'), 'Nobody has joined "Intro" yet.\n');
      assert.equal(exitCode, 1, told);
      assert.match(told, /Your seat is not yours any more: .* Join again to take another one\./);
    } finally {
      await home.dispose();
    }
  });
});

describe('joining a workshop', function () {
  this.timeout(120_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  let client: ControlPlaneClient;
  beforeEach(async () => {
    state = new TestState();
    controlPlane = await state.serve();
    client = controlPlane.client;
  });
  afterEach(() => state.dispose());

  const running = async (seats: number): Promise<Workshop> => {
    const { workshop, operation } = await client.createWorkshop({ name: 'Intro', seats });
    await succeeded(client, operation);
    return workshop;
  };

  it('gives one seat for one rejoin code, however many come with it at once, and the rest to the others', async () => {
    const { id, code } = await running(3);
    const rejoin_code = 'the-code-of-ada-1234';
    const same = await Promise.all(Array.from({ length: 8 }, () => client.join({ code, rejoin_code })));
    assert.deepEqual([...new Set(same.map(({ seat }) => seat))], [1]);
    assert.equal(new Set(same.map(({ learner_token }) => learner_token)).size, 1);
    const others = await Promise.allSettled(Array.from({ length: 5 }, () => client.join({ code })));
    const seats = others.flatMap((one) => (one.status === 'fulfilled' ? [one.value.seat] : []));
    assert.deepEqual(seats.sort(), [2, 3]);
    for (const one of others)
      if (one.status === 'rejected') assert.ok(one.reason instanceof NoSeatsError, String(one.reason));
    assert.equal((await client.join({ code, rejoin_code })).seat, 1, 'who has a seat comes back to a full workshop');
    assert.deepEqual((await client.listLearners(id)).length, 3);
  });

  it('says why nobody can join now, in a sentence for learners', async () => {
    const refused = async (code: string): Promise<CarapaceError> => {
      const error = await client.join({ code }).then(
        () => assert.fail('somebody joined'),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof CarapaceError, String(error));
      return error;
    };
    await state.dispose();
    state = new TestState();
    // Its seats come and go only when they are let.
    state.useFakeAgent({ hold: true });
    controlPlane = await state.serve();
    client = controlPlane.client;
    const { workshop } = await client.createWorkshop({ name: 'Later', seats: 1, start: false });
    const created = await refused(workshop.code);
    assert.ok(
      created instanceof NotRunningError && created.message.includes('Ask your teacher to start it'),
      created.message,
    );
    const start = await client.startWorkshop(workshop.id);
    const starting = await refused(workshop.code);
    assert.ok(starting instanceof ConflictError && starting.message.includes('wait until it runs'), starting.message);
    state.behave({});
    await succeeded(client, start);
    await client.join({ code: workshop.code });
    state.behave({ hold: true });
    const stop = await client.stopWorkshop(workshop.id);
    const stopping = await refused(workshop.code);
    assert.ok(stopping instanceof ConflictError && stopping.message.includes('It is being stopped'), stopping.message);
    state.behave({});
    await succeeded(client, stop);
    const stopped = await refused(workshop.code);
    assert.ok(stopped instanceof NotRunningError && stopped.message.includes('ask your teacher'), stopped.message);
  });

  it('limits who types wrong codes, and a class behind the same address that nobody of has joined yet still joins', async () => {
    const { code } = await running(4);
    for (let n = 0; n < 20; n += 1) await assert.rejects(client.join({ code: '22222222' }), NotFoundError);
    const limited = await client.join({ code: '22222222' }).catch((error: unknown) => error);
    assert.ok(limited instanceof SlowDownError && Number(limited.details?.['retry_after_seconds']) > 0);
    const seats: Joined[] = await Promise.all(Array.from({ length: 4 }, () => client.join({ code })));
    assert.equal(new Set(seats.map(({ seat }) => seat)).size, 4);
    await assert.rejects(client.join({ code: '33333333' }), SlowDownError);
  });

  describe('by the page behind a link', () => {
    let browser: Browser;
    before(async () => (browser = await launchBrowser()));
    after(() => browser.close());

    it('opens VS Code, or shows the command, with all that the link has', async () => {
      const { url } = controlPlane.file;
      const page = await browser.newPage();
      const problems: string[] = [];
      const asked: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => asked.push(request.url()));
      for (const link of [formatJoinLink(url, 'ABCD2345'), formatJoinLink(url, 'ABCD2345', 'rejoin_CODE-1')]) {
        await page.goto(link);
        await page.reload();
        const href = await page.getByRole('link', { name: 'Open in VS Code' }).getAttribute('href');
        assert.ok(href?.startsWith('vscode://carapace.carapace/join?server=') === true, String(href));
        assert.deepEqual(parseJoinLink(href), parseJoinLink(link), 'the editor reads what the link says');
        assert.equal(await page.locator('#command').textContent(), `carapace join '${link}'`);
        assert.equal(await page.locator('#code').textContent(), 'ABCD-2345');
      }
      await page.goto(`${url}/join#"><img src=x onerror=alert(1)>`);
      await page.reload();
      await until('the page says what is missing', async () =>
        (await page.getByText('has no join code').isVisible()) ? true : undefined,
      );
      assert.equal(await page.getByRole('link', { name: 'Open in VS Code' }).isVisible(), false);
      assert.deepEqual(
        problems.filter((line) => !line.includes('favicon')),
        [],
      );
      assert.ok(asked.every((address) => new URL(address).origin === url && !controlPlane.log().includes('ABCD')));
    });
  });
});
