/** Fifty connections are cut by reset while bytes flow both ways; what arrives is what was sent. */
import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { SeatFiles } from '../../src/client/seat-files.ts';
import { SeatTerminal } from '../../src/client/terminal/seat-terminal.ts';
import { waitForOperation } from '../../src/client/wait.ts';
import type { Access } from '../../src/protocol/access.ts';
import { ResetProxy, type Cut } from '../fakes/reset-proxy.ts';
import { TestHome } from './cli-harness.ts';

const CUTS = 50;
const LAST_NUMBER = 2_000_000;
const INPUT_BYTES = 5_000_000;
/** How far into a connection it is cut at most: less than an equal share of all bytes, so that every cut is made. */
const FARTHEST = { up: 150_000, down: 500_000 } as const;
/** Input goes on for as long as output does: this much more of it, in bytes, than there is of output. */
const INPUT_AHEAD = 200_000;

/** mulberry32: a small generator that is the same everywhere for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Half of the cuts come early, where handshakes and frame headers are, the others anywhere. */
function randomCuts(random: () => number): Cut[] {
  return Array.from({ length: CUTS }, () => {
    const direction = random() < 0.5 ? 'up' : 'down';
    const farthest = FARTHEST[direction];
    return { direction, offset: Math.floor(random() < 0.5 ? farthest ** random() : farthest * random()) };
  });
}

function randomBytes(random: () => number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = Math.floor(random() * 256);
  return bytes;
}

/** What is printed between the two marks. */
class Recorder {
  readonly hash = createHash('sha256');
  bytes = 0;
  begun = false;
  ended = false;
  #tail: Buffer = Buffer.alloc(0);

  take(data: Uint8Array): void {
    let rest: Buffer = Buffer.concat([this.#tail, data]);
    this.#tail = Buffer.alloc(0);
    if (!this.begun) {
      const mark = rest.indexOf('[BEGIN]');
      this.begun = mark !== -1;
      if (!this.begun) this.#tail = rest.subarray(-6);
      rest = this.begun ? rest.subarray(mark + 7) : Buffer.alloc(0);
    }
    if (!this.begun || this.ended) return;
    const mark = rest.indexOf('[END]');
    this.ended = mark !== -1;
    const sure = this.ended ? mark : Math.max(0, rest.length - 4);
    this.hash.update(rest.subarray(0, sure));
    this.bytes += sure;
    this.#tail = this.ended ? Buffer.alloc(0) : rest.subarray(sure);
  }
}

function numbers(): { hash: string; bytes: number } {
  const hash = createHash('sha256');
  let bytes = 0;
  for (let from = 1; from <= LAST_NUMBER; from += 10_000) {
    let text = '';
    for (let number = from; number < from + 10_000; number += 1) text += `${number}\n`;
    hash.update(text);
    bytes += text.length;
  }
  return { hash: hash.digest('hex'), bytes };
}

describe('a terminal over a network that breaks', function () {
  this.timeout(300_000);
  const home = new TestHome();
  let access: Access;
  let client: ControlPlaneClient;
  let workshopId = '';

  before(async () => {
    const created = await home.expect('workshop', 'create', 'Breaks', '--seats', '1', '--json', '--wait');
    workshopId = (JSON.parse(created) as { workshop: { id: string } }).workshop.id;
    client = new ControlPlaneClient(await home.connection());
    access = await client.access(workshopId, 1, 'instructor');
  });
  after(async () => {
    const operation = await client.deleteWorkshop(workshopId);
    await waitForOperation(client, operation.id, { signal: AbortSignal.timeout(30_000) });
    await home.dispose();
  });

  it('loses, doubles and reorders nothing, in either direction', async () => {
    const seed = Number(process.env['CARAPACE_TEST_SEED'] ?? randomInt(2 ** 31));
    console.log(`      seed: CARAPACE_TEST_SEED=${seed}`);
    const random = generator(seed);
    const { hostname, port } = new URL(access.endpoint);
    const proxy = new ResetProxy({ target: { host: hostname, port: Number(port) }, cuts: randomCuts(random) });
    const endpoint = `http://127.0.0.1:${await proxy.listen()}`;
    const input = randomBytes(random, INPUT_BYTES);
    const expected = numbers();
    const recorder = new Recorder();
    let sent = 0;
    let reconnected = 0;
    let skipped = 0;

    const exit = await new Promise<{ code: number }>((resolve, reject) => {
      const sendSome = (): void => {
        if (!recorder.begun) return;
        const due = Math.min(input.length, INPUT_AHEAD + (recorder.bytes / expected.bytes) * input.length);
        while (sent < due) {
          const size = 1 + Math.floor(100_000 ** random());
          terminal.write(input.subarray(sent, sent + size));
          sent = Math.min(input.length, sent + size);
        }
      };
      const terminal = new SeatTerminal(
        { getAccess: () => Promise.resolve({ ...access, endpoint }), workshopId, seat: 1, cols: 80, rows: 24 },
        {
          onData: (bytes) => {
            recorder.take(bytes);
            sendSome();
          },
          onState: (state) => {
            if (state === 'reconnecting') reconnected += 1;
          },
          onSkipped: (bytes) => (skipped += bytes),
          onExit: resolve,
          onFailed: reject,
        },
      );
      // The marks are put together by the shell, so that the echo of this line has none of them.
      const script = [
        'stty raw -echo',
        `printf '[%s]' BEGIN`,
        `{ head -c ${INPUT_BYTES} </dev/tty | sha256sum >in.sum; } &`,
        `seq 1 ${LAST_NUMBER}`,
        'wait',
        `printf '[%s]' END`,
      ].join('\n');
      terminal.write(`sh -c '${script.replaceAll("'", `'\\''`)}'; exit 3\n`);
    });

    await proxy.close();
    console.log(`      ${proxy.cutsMade} cuts, ${reconnected} of an open terminal, ${skipped} bytes skipped`);
    assert.equal(exit.code, 3);
    assert.equal(proxy.cutsMade, CUTS);
    assert.ok(reconnected > CUTS / 2, `only ${reconnected} of the cuts were in an open terminal`);
    assert.equal(skipped, 0);
    assert.equal(recorder.bytes, expected.bytes);
    assert.equal(recorder.hash.digest('hex'), expected.hash);
    const files = new SeatFiles({ access, workshopId, seat: 1 });
    const sum = Buffer.from((await files.read('in.sum')).bytes).toString();
    assert.equal(sum.split(' ')[0], createHash('sha256').update(input).digest('hex'));
  });

  it('goes on when the agent is killed and another takes its place', async () => {
    let shown = '';
    const states: string[] = [];
    let failed: Error | undefined;
    const terminal = new SeatTerminal(
      {
        getAccess: (signal) => client.access(workshopId, 1, 'instructor', signal),
        workshopId,
        seat: 1,
        cols: 80,
        rows: 24,
      },
      {
        onData: (bytes) => (shown += Buffer.from(bytes).toString()),
        onState: (state) => void states.push(state),
        onSkipped: () => undefined,
        onExit: () => undefined,
        onFailed: (error) => (failed = error),
      },
    );
    try {
      terminal.write('kept=$((40 + 2)); echo first $kept\n');
      await home.settled(() => shown.includes('first 42\r'));
      const agentFile = join(home.folder, 'worker', 'agent.json');
      const agent = JSON.parse(readFileSync(agentFile, 'utf8')) as { pid: number };
      process.kill(agent.pid, 'SIGKILL');
      terminal.write('echo second $kept\n');
      await home.settled(() => failed !== undefined || shown.includes('second 42\r'));
      assert.equal(failed, undefined);
      assert.deepEqual(states, ['connecting', 'connected', 'reconnecting', 'connected']);
    } finally {
      terminal.dispose();
    }
  });
});
