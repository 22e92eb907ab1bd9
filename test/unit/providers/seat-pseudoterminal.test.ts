import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { SeatTerminalHandlers } from '../../../src/client/terminal/seat-terminal.ts';
import { NotFoundError, TooLargeError, UnavailableError } from '../../../src/protocol/errors.ts';
import {
  SeatPseudoterminal,
  type Shell,
  type ShellOptions,
} from '../../../src/providers/terminal/seat-pseudoterminal.ts';
import { fakeVscode } from './fake-vscode.ts';
import { t } from './fixtures.ts';

/** A shell at the other end, driven by the test. */
class FakeShell implements Shell {
  readonly options: ShellOptions;
  readonly tell: SeatTerminalHandlers;
  readonly typed: (string | Uint8Array)[] = [];
  readonly sizes: [number, number][] = [];
  session: string | undefined;
  disposed = false;
  retries = 0;

  constructor(options: ShellOptions, tell: SeatTerminalHandlers) {
    this.options = options;
    this.tell = tell;
    this.session = options.session;
  }

  write(data: string | Uint8Array): void {
    if (data === 'too much') throw new TooLargeError('Too much input waits.');
    this.typed.push(data);
  }

  resize(cols: number, rows: number): void {
    this.sizes.push([cols, rows]);
  }

  retry(): void {
    this.retries += 1;
  }

  dispose(): void {
    this.disposed = true;
  }

  connected(session: string): void {
    this.session = session;
    this.tell.onState('connected');
  }
}

function setUp(session?: string) {
  const shells: FakeShell[] = [];
  const remembered: (string | undefined)[] = [];
  const terminal = new SeatPseudoterminal({
    vs: fakeVscode,
    t,
    title: 'Seat 3 · Alice',
    session,
    connect: (options, handlers) => {
      const shell = new FakeShell(options, handlers);
      shells.push(shell);
      return shell;
    },
    remember: (one) => remembered.push(one),
  });
  let output = '';
  const names: string[] = [];
  const exits: unknown[] = [];
  terminal.onDidWrite((written) => (output += written));
  terminal.onDidChangeName((name) => names.push(name));
  terminal.onDidClose((exit) => exits.push(exit));
  return { terminal, shells, remembered, names, exits, output: () => output };
}

describe('a seat terminal in VS Code', () => {
  it('connects when it is opened, and not before', () => {
    const { terminal, shells } = setUp();
    assert.equal(shells.length, 0);
    terminal.open({ columns: 120, rows: 40 });
    assert.deepEqual(shells[0]?.options, { cols: 120, rows: 40 });
  });

  it('has a size where VS Code does not know one yet', () => {
    const { terminal, shells } = setUp();
    terminal.open(undefined);
    assert.deepEqual(shells[0]?.options, { cols: 80, rows: 24 });
    terminal.setDimensions({ columns: 100, rows: 30 });
    assert.deepEqual(shells[0].sizes, [[100, 30]]);
  });

  it('joins characters that arrive in pieces', () => {
    const { terminal, shells, output } = setUp();
    terminal.open(undefined);
    for (const byte of Buffer.from('\ufeffé€😀')) shells[0]?.tell.onData(Uint8Array.of(byte));
    assert.equal(output(), '\ufeffé€😀');
  });

  it('hands on what is typed', () => {
    const { terminal, shells, output } = setUp();
    terminal.open(undefined);
    terminal.handleInput('ls\r');
    terminal.handleInput('too much');
    assert.deepEqual(shells[0]?.typed, ['ls\r']);
    assert.match(output(), /Too much input waits\./);
  });

  it('says in its title that it is reconnecting, and nothing on the screen', () => {
    const { terminal, shells, names, output } = setUp();
    terminal.open(undefined);
    shells[0]?.connected('s1');
    shells[0]?.tell.onState('reconnecting');
    shells[0]?.tell.onState('connected');
    assert.deepEqual(names, ['Seat 3 · Alice', 'Seat 3 · Alice · reconnecting…', 'Seat 3 · Alice']);
    assert.equal(output(), '');
  });

  it('follows the name of whoever joins', () => {
    const { terminal, shells, names } = setUp();
    terminal.open(undefined);
    shells[0]?.tell.onState('reconnecting');
    terminal.setTitle('Seat 3 · Bob');
    terminal.setTitle('Seat 3 · Bob');
    assert.deepEqual(names.slice(1), ['Seat 3 · Bob · reconnecting…']);
  });

  it('ends with the exit code of the shell', () => {
    const ends = [
      [{ code: 0, signal: null }, 0],
      [{ code: 3, signal: null }, 3],
      [{ code: -1, signal: null }, 1],
      [{ code: 0, signal: 'SIGKILL' }, 137],
      [{ code: 0, signal: 'SIGNOTHING' }, 128],
    ] as const;
    for (const [exit, expected] of ends) {
      const { terminal, shells, exits, remembered } = setUp('s1');
      terminal.open(undefined);
      shells[0]?.tell.onExit(exit);
      assert.deepEqual(exits, [expected]);
      assert.deepEqual(remembered, [undefined]);
    }
  });

  it('tells dimly what was lost, and does not join characters over the gap', () => {
    const { terminal, shells, output } = setUp();
    terminal.open(undefined);
    shells[0]?.tell.onData(Buffer.from('é').subarray(0, 1));
    shells[0]?.tell.onSkipped(12_288);
    shells[0]?.tell.onData(Buffer.from('x'));
    assert.ok(output().startsWith('\r\n\x1b[2m[12 KB of output'));
    assert.ok(output().endsWith(']\x1b[0m\r\nx'));
  });

  it('begins anew for a redraw, and does not join characters over it', () => {
    const { terminal, shells, output } = setUp();
    terminal.open(undefined);
    shells[0]?.connected('session-1');
    shells[0]?.tell.onData(Buffer.from('ž').subarray(0, 1));
    shells[0]?.tell.onRedraw?.({ cols: 80, rows: 24 });
    shells[0]?.tell.onData(Buffer.from('screen'));
    assert.equal(output(), '\x1bcscreen');
  });

  it('leaves the shell running when it is closed, and remembers its session', () => {
    const { terminal, shells, remembered, exits } = setUp();
    terminal.open(undefined);
    shells[0]?.connected('s1');
    terminal.close();
    assert.equal(shells[0]?.disposed, true);
    assert.deepEqual(remembered, ['s1']);
    shells[0].tell.onState('closed');
    shells[0].tell.onData(Buffer.from('late'));
    assert.deepEqual(exits, []);
  });

  it('finds the session of an earlier terminal again', () => {
    const { terminal, shells, remembered } = setUp('s1');
    terminal.open(undefined);
    assert.equal(shells[0]?.options.session, 's1');
    shells[0].connected('s1');
    assert.deepEqual(remembered, []);
  });

  it('opens a new shell, once, where the earlier one has ended', () => {
    const { terminal, shells, remembered, output } = setUp('s1');
    terminal.open(undefined);
    shells[0]?.tell.onFailed(new NotFoundError('There is no such session.'));
    assert.deepEqual(shells[1]?.options, { cols: 80, rows: 24 });
    assert.deepEqual(remembered, [undefined]);
    assert.match(output(), /this is a new one/);
    shells[1].tell.onFailed(new NotFoundError('There is no such seat.'));
    assert.equal(shells.length, 2);
    assert.match(output(), /There is no such seat\./);
  });

  it('says why it failed, and tries again with the next key, in the same session', () => {
    const { terminal, shells, exits, output } = setUp('s1');
    terminal.open(undefined);
    shells[0]?.tell.onFailed(new UnavailableError('The seat cannot be reached.'));
    assert.match(output(), /The seat cannot be reached\..*Press a key/s);
    assert.deepEqual(exits, []);
    terminal.handleInput('x');
    assert.equal(shells.length, 2);
    assert.equal(shells[1]?.options.session, 's1');
    assert.deepEqual(shells[1].typed, []);
  });
});
