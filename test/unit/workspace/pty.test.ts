import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pty, terminalDescriptors, type PtyExit } from '../../../src/workspace/terminal/pty.ts';
import { until } from './support.ts';

/** A program in a terminal, and all that came of it. */
class Run {
  readonly chunks: Buffer[] = [];
  readonly exits: PtyExit[] = [];
  readonly pty: Pty;
  bytesAtExit = -1;

  constructor(script: string) {
    this.pty = new Pty(
      {
        command: ['/bin/bash', '--norc', '-c', script],
        environment: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', LANG: 'C.UTF-8' },
        cwd: '/',
        cols: 80,
        rows: 24,
      },
      {
        onData: (chunk) => this.chunks.push(chunk),
        onExit: (exit) => {
          this.bytesAtExit = this.length;
          this.exits.push(exit);
        },
      },
    );
  }

  get length(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  async exit(): Promise<PtyExit> {
    await until(() => this.exits.length > 0, 'exit');
    return this.exits[0]!;
  }
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

describe('a pseudoterminal', function () {
  this.timeout(120_000);
  const runs: Run[] = [];
  const run = (script: string) => {
    const started = new Run(script);
    runs.push(started);
    return started;
  };
  afterEach(async () => {
    for (const { pty, exits } of runs) if (exits.length === 0) pty.end(100);
    await Promise.all(runs.map((each) => each.exit()));
    runs.length = 0;
    assert.deepEqual(terminalDescriptors(), []);
  });

  it('tells the exit code', async () => {
    assert.deepEqual(await run('exit 7').exit(), { code: 7, signal: null });
  });

  it('tells the signal by name', async () => {
    assert.deepEqual(await run('kill -KILL $$').exit(), { code: 137, signal: 'SIGKILL' });
  });

  it('gives every byte before the exit', async () => {
    const much = run('head -c 10000000 /dev/zero');
    await much.exit();
    assert.equal(much.bytesAtExit, 10_000_000);
  });

  it('loses nothing where it is paused when the program ends', async () => {
    const paused = run('echo first; head -c 3000 /dev/zero | tr "\\0" x; exit 5');
    paused.pty.pause();
    // Long past every time-out that could close the terminal by itself.
    await sleep(700);
    assert.deepEqual(paused.exits, []);
    paused.pty.resume();
    assert.deepEqual(await paused.exit(), { code: 5, signal: null });
    assert.equal(paused.text, `first\r\n${'x'.repeat(3000)}`);
  });

  it('ends although a program in the background still holds the terminal', async () => {
    const left = run('echo before; (trap "" HUP; exec sleep 30) & echo $!; exit 3');
    assert.deepEqual(await left.exit(), { code: 3, signal: null });
    process.kill(Number(left.text.split('\r\n')[1]), 'SIGKILL');
  });

  it('reports the exit once', async () => {
    const once = run('exit 0');
    await once.exit();
    await sleep(300);
    assert.equal(once.exits.length, 1);
  });

  it('holds input back while the program does not read, and then gives it whole and in order', async () => {
    const input = randomBytes(600_000);
    const reader = run(`stty raw -echo; echo ready; sleep 0.4; head -c ${input.length} | sha256sum`);
    await until(() => reader.text.includes('ready'), 'ready');
    let taken = 0;
    for (let at = 0; at < input.length; at += 50_000)
      reader.pty.write(input.subarray(at, at + 50_000), (count) => (taken += count));
    assert.ok(reader.pty.queuedBytes > 500_000, 'the kernel took more than it can hold');
    assert.equal(taken, input.length - reader.pty.queuedBytes);
    await reader.exit();
    assert.equal(taken, input.length);
    assert.match(reader.text, new RegExp(sha256(input)));
  });

  it('is as large as it is told', async () => {
    const sized = run('trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done');
    await until(() => sized.text.includes('ready'), 'ready');
    sized.pty.resize(132, 50);
    await sized.exit();
    assert.match(sized.text, /50 132/);
  });

  it('erases whole characters of UTF-8', async () => {
    const line = run('read -r line; printf "<%s>" "$line"');
    line.pty.write(Buffer.from('aé\x7fb\n'), () => undefined);
    await line.exit();
    assert.match(line.text, /<ab>/);
  });

  it('does not give one terminal to the program in another', async () => {
    const first = run('sleep 30');
    const [descriptor] = terminalDescriptors();
    // In a container it is /dev/pts/ptmx.
    assert.match(readlinkSync(`/proc/self/fd/${descriptor}`), /\/ptmx$/);
    const second = run('ls -l /proc/$$/fd');
    await second.exit();
    assert.match(second.text, /pts/);
    assert.doesNotMatch(second.text, /ptmx/);
    first.pty.end();
    assert.equal((await first.exit()).signal, 'SIGHUP');
  });

  it('kills what does not hear the hangup', async () => {
    const deaf = run('trap "" HUP; echo ready; while :; do sleep 0.1; done');
    await until(() => deaf.text.includes('ready'), 'ready');
    deaf.pty.end(200);
    assert.equal((await deaf.exit()).signal, 'SIGKILL');
  });

  it('takes no harm from input and resizing after the end', async () => {
    const over = run('exit 0');
    await over.exit();
    over.pty.write(Buffer.from('late'), () => assert.fail('nobody is there'));
    over.pty.resize(10, 10);
    over.pty.end();
  });
});
