/** `carapace seat terminal` in a real terminal, and in pipes. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import { spawn, type IPty } from 'node-pty';
import { kill, processesNaming } from '../support/processes.ts';
import { CARAPACE, TestHome } from './cli-harness.ts';

/** A program in a terminal of its own, as in a window. */
class Window {
  screen = '';
  readonly #pty: IPty;
  readonly ended: Promise<number>;

  constructor(home: TestHome, program: string, words: string[]) {
    this.#pty = spawn(program, words, { cols: 90, rows: 30, cwd: home.folder, env: home.environment });
    this.#pty.onData((text) => (this.screen += text));
    this.ended = new Promise((resolve) => this.#pty.onExit(({ exitCode }) => resolve(exitCode)));
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = pattern.exec(this.screen);
      if (found !== null) return found;
      assert.ok(Date.now() < deadline, `${pattern.source} never came on the screen:\n${this.screen}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  kill(): void {
    this.#pty.kill('SIGKILL');
  }
}

describe('carapace seat terminal', function () {
  this.timeout(180_000);
  const home = new TestHome();
  const windows: Window[] = [];
  before(() => home.expect('workshop', 'create', 'Intro', '--seats', '1', '--wait'));
  afterEach(() => {
    for (const window of windows.splice(0)) window.kill();
  });
  after(async () => {
    await home.expect('workshop', 'delete', 'Intro', '--yes');
    await home.dispose();
  });

  function open(...words: string[]): Window {
    return openProgram(CARAPACE, ['seat', 'terminal', 'Intro', '1', ...words]);
  }

  function openProgram(program: string, words: string[]): Window {
    const window = new Window(home, program, words);
    windows.push(window);
    return window;
  }

  it('is a working shell: the size of the window, also later, keys as they are, and the exit code', async () => {
    const window = open();
    window.type('stty size; tty\r');
    await window.shows(/30 90\r\n\/dev\/pts\/\d+/);
    window.resize(70, 20);
    // The new size and the keys go different ways to the command, and so may come in any order.
    window.type('until [ "$(stty size)" = "20 70" ]; do sleep 0.1; done; echo as la$((0))ge\r');
    await window.shows(/as la0ge/);
    // Ctrl-C ends the program in the seat and not ours.
    window.type('sleep 9999; echo status $?\r');
    await window.shows(/echo status \$\?\r\n/);
    await home.settled(() => home.census().processes.includes('sleep 9999'));
    window.type('\u0003');
    window.type('echo st$((1))ll here\r');
    await window.shows(/st1ll here/);
    window.type('exit 3\r');
    assert.equal(await window.ended, 3);
  });

  it('gives the terminal back as it was, after an exit and after SIGTERM', async () => {
    const script = `stty -g; "$0" seat terminal Intro 1; echo "code $?"; stty -g; read -r line; echo "read $line"`;
    for (const end of ['exit', 'SIGTERM']) {
      const window = openProgram('/bin/sh', ['-c', script, CARAPACE]);
      const [before] = await window.shows(/[0-9a-f]+(:[0-9a-f]+){10,}(?=\r\n)/);
      window.type('echo re$((0))dy\r');
      await window.shows(/re0dy/);
      if (end === 'exit') {
        window.type('exit\r');
      } else {
        const ours = processesNaming(home.folder).filter(({ command }) => command.includes('seat terminal Intro 1'));
        for (const { pid, command } of ours) if (!command.includes('stty')) kill(pid, 'SIGTERM');
      }
      await window.shows(end === 'exit' ? /code 0/ : /code 1/);
      await window.shows(new RegExp(`code \\d[^]*${before}`));
      window.type('typed\r');
      await window.shows(/read typed/);
      await window.ended;
    }
  });

  it('is left by Enter ~ . and found again as it was, and can be watched', async () => {
    const first = open();
    await first.shows(/\$ $/);
    first.type('secret=$((6*7)); cd /tmp\r');
    first.type('\r~.');
    const [, session] = await first.shows(/To come back:\s+carapace seat terminal ws-\w+ 1 --session ([\w-]+)\s/);
    assert.equal(await first.ended, 0);

    const watching = open('--view', '--session', session!);
    await watching.shows(/secret=/);
    watching.type('exit 9\r');
    const second = open('--session', session!);
    second.type('echo "found $secret in $PWD"\r');
    await second.shows(/found 42 in \/tmp/);
    second.type('exit 4\r');
    assert.equal(await second.ended, 4);
    assert.equal(await watching.ended, 4);
    assert.match(watching.screen, /found 42 in \/tmp/);

    const gone = open('--session', session!);
    assert.equal(await gone.ended, 3);
    assert.match(gone.screen, /no such terminal session/);
  });

  it('is a plain stream between pipes, and the end of the input ends the shell', async () => {
    const exit = await home.run(['seat', 'terminal', 'Intro', '1'], 'echo $((6*7))\nexit 3\n');
    assert.equal(exit.code, 3, exit.stderr);
    assert.match(exit.stdout, /^42\r$/m);
    const unfinished = await home.run(['seat', 'terminal', 'Intro', '1'], 'exit 6');
    assert.equal(unfinished.code, 6, unfinished.stderr);
    const nested = await home.run(
      ['seat', 'terminal', 'Intro', '1'],
      'stty -echo; cat >piped; grep -c ✓ piped\n✓ line\n',
    );
    assert.equal(nested.code, 0, nested.stderr);
    assert.match(nested.stdout, /^1\r$/m);
    const much = 3_000_000;
    const bulk = `stty -echo; head -c ${much} | wc -c; exit\n${'0123456789abcde\n'.repeat(much / 16)}`;
    const counted = await home.run(['seat', 'terminal', 'Intro', '1'], bulk);
    assert.equal(counted.code, 0, counted.stderr);
    assert.match(counted.stdout, new RegExp(`${much}\r$`, 'm'));
  });

  it('is confirmed before a workshop is deleted', async () => {
    const ask = (): Window => openProgram(CARAPACE, ['workshop', 'delete', 'Intro']);
    const no = ask();
    await no.shows(/Delete "Intro" \(ws-\w+\) with its 1 seat and all files\? \[y\/N\]/);
    no.type('\r');
    assert.equal(await no.ended, 1);
    const interrupted = ask();
    await interrupted.shows(/\[y\/N\]/);
    interrupted.type('\u0003');
    assert.equal(await interrupted.ended, 130);
    assert.match(await home.expect('workshop', 'list'), /Intro +running/);
    const yes = ask();
    await yes.shows(/\[y\/N\]/);
    yes.type('y\r');
    assert.equal(await yes.ended, 0);
    await yes.shows(/is deleted/);
    await home.expect('workshop', 'create', 'Intro', '--seats', '1', '--wait');
  });
});
