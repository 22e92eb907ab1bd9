import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import type { SeatTerminalHandlers, SeatTerminalOptions } from '../../../src/client/terminal/seat-terminal.ts';
import type { Seat } from '../../../src/protocol/workshop.ts';
import { terminalCommands } from '../../../src/providers/commands/terminal-commands.ts';
import { SeatAccess } from '../../../src/providers/seat-access.ts';
import type { Shell } from '../../../src/providers/terminal/seat-pseudoterminal.ts';
import { SeatTerminals } from '../../../src/providers/terminal/seat-terminals.ts';
import { registerTerminalProfile } from '../../../src/providers/terminal/terminal-profile.ts';
import { fakeVscode } from './fake-vscode.ts';
import { seat, workshop } from './fixtures.ts';

const SHUTDOWN = 1;
const USER = 2;

/** A terminal as VS Code makes it: opened at once, its name as the pseudoterminal says. */
class FakeTerminal {
  readonly creationOptions: vscode.ExtensionTerminalOptions;
  readonly shown: true[] = [];
  name: string;
  exitStatus: { code: undefined; reason: number } | undefined;
  readonly #window: FakeWindow;

  constructor(window: FakeWindow, options: vscode.ExtensionTerminalOptions) {
    this.#window = window;
    this.creationOptions = options;
    this.name = options.name;
    options.pty.onDidChangeName?.((name) => (this.name = name));
    options.pty.open(undefined);
  }

  show(): void {
    this.shown.push(true);
  }

  dispose(reason = USER): void {
    if (this.exitStatus !== undefined) return;
    this.exitStatus = { code: undefined, reason };
    this.creationOptions.pty.close();
    this.#window.closed.fire(this as unknown as vscode.Terminal);
  }
}

class FakeWindow {
  readonly opened = new fakeVscode.EventEmitter<vscode.Terminal>();
  readonly closed = new fakeVscode.EventEmitter<vscode.Terminal>();
  readonly terminals: FakeTerminal[] = [];
  readonly onDidOpenTerminal = this.opened.event;
  readonly onDidCloseTerminal = this.closed.event;
  profile: vscode.TerminalProfileProvider | undefined;
  picked: number | undefined;

  readonly createTerminal = (options: vscode.ExtensionTerminalOptions): vscode.Terminal => {
    const terminal = new FakeTerminal(this, options);
    this.terminals.push(terminal);
    this.opened.fire(terminal as unknown as vscode.Terminal);
    return terminal as unknown as vscode.Terminal;
  };

  readonly registerTerminalProfileProvider = (_id: string, provider: vscode.TerminalProfileProvider) => {
    this.profile = provider;
    return { dispose: () => undefined };
  };

  readonly showQuickPick = <T>(items: readonly T[]): Promise<T | undefined> =>
    Promise.resolve(this.picked === undefined ? undefined : items[this.picked]);

  /** Of the first terminal that is open. */
  name(): string | undefined {
    return this.living[0]?.name;
  }

  get living(): FakeTerminal[] {
    return this.terminals.filter(({ exitStatus }) => exitStatus === undefined);
  }
}

class FakeMemento implements vscode.Memento {
  readonly values = new Map<string, unknown>();
  keys = () => [...this.values.keys()];
  get = <T>(key: string, otherwise?: T): T => (this.values.get(key) ?? otherwise) as T;
  update = (key: string, value: unknown): Promise<void> => {
    // As VS Code does: what is kept is JSON.
    this.values.set(key, JSON.parse(JSON.stringify(value)));
    return Promise.resolve();
  };
}

interface FakeShell extends Shell {
  readonly options: SeatTerminalOptions;
  readonly tell: SeatTerminalHandlers;
}

/** One window; with the memory of an earlier one it is that window, reloaded. */
function openWindow(memory = new FakeMemento()) {
  const window = new FakeWindow();
  class TerminalProfile {
    readonly options: vscode.ExtensionTerminalOptions;
    constructor(options: vscode.ExtensionTerminalOptions) {
      this.options = options;
    }
  }
  class ThemeIcon {
    readonly id: string;
    constructor(id: string) {
      this.id = id;
    }
  }
  const vs = { ...fakeVscode, window, TerminalProfile, ThemeIcon, TerminalExitReason: { Shutdown: SHUTDOWN } };
  const shells: FakeShell[] = [];
  let retries = 0;
  const connect = (options: SeatTerminalOptions, tell: SeatTerminalHandlers): Shell => {
    const shell = {
      options,
      tell,
      session: options.session ?? `session-${shells.length}`,
      write: () => undefined,
      resize: () => undefined,
      retry: () => void (retries += 1),
      dispose: () => undefined,
    };
    shells.push(shell);
    return shell;
  };
  const access = new SeatAccess({ client: () => Promise.reject(new Error('no network')), endpoint: () => null });
  const parts = { vs: vs as unknown as typeof vscode, access, memory, connect };
  const terminals = new SeatTerminals(parts);
  return { vs: parts.vs, window, shells, memory, terminals, retries: () => retries };
}

const one = seat({ seat: 1, learner: 'Ada' });
const two = seat({ seat: 2 });
const know =
  (...seats: Seat[]) =>
  (_workshop: string, number: number): Seat | 'gone' =>
    seats.find(({ seat: its }) => its === number) ?? 'gone';

describe('the terminals of a window', () => {
  it('try to connect at once where they are asked for', () => {
    const { terminals, shells, retries } = openWindow();
    terminals.show('ws-one', one);
    assert.equal(retries(), 0);
    shells[0]?.tell.onState('reconnecting');
    terminals.show('ws-one', one);
    assert.deepEqual([shells.length, retries()], [1, 1]);
  });

  it('are shown again rather than opened twice, and tell their connection and who watches', () => {
    const { terminals, window, shells } = openWindow();
    terminals.show('ws-one', one);
    assert.equal(window.name(), 'Seat 1 · Ada');
    shells[0]?.tell.onState('connecting');
    assert.equal(window.name(), 'Seat 1 · Ada · connecting…');
    shells[0]?.tell.onState('connected');
    shells[0]?.tell.onViewers?.(3, []);
    assert.equal(window.name(), 'Seat 1 · Ada · 2 watching');
    terminals.update(know(seat({ learner: 'Eve' })));
    assert.equal(window.name(), 'Seat 1 · Eve · 2 watching');
    shells[0]?.tell.onState('reconnecting');
    assert.equal(window.name(), 'Seat 1 · Eve · reconnecting…');
    shells[0]?.tell.onState('connected');
    shells[0]?.tell.onViewers?.(1, []);
    assert.equal(window.name(), 'Seat 1 · Eve');
    terminals.show('ws-one', one);
    assert.equal(window.terminals.length, 1);
    assert.equal(window.terminals[0]?.shown.length, 2);
    terminals.update(know());
    assert.deepEqual(window.living, []);
  });

  it('come back after the window was reloaded, in their sessions, without the focus, where their seats still are', () => {
    const before = openWindow();
    before.terminals.show('ws-one', one);
    before.terminals.show('ws-one', two);
    before.terminals.show('ws-one', seat({ seat: 3 }));
    before.shells.forEach((shell) => shell.tell.onState('connected'));
    before.window.terminals[2]?.dispose();
    // How a window goes: its terminals are closed by VS Code, then the extension ends.
    before.window.terminals[0]?.dispose(SHUTDOWN);
    before.terminals.dispose();

    const after = openWindow(before.memory);
    after.terminals.update(() => undefined);
    assert.equal(after.window.terminals.length, 0);
    after.terminals.update(know(one, seat({ seat: 2, status: 'resetting' })));
    assert.equal(after.window.terminals.length, 1);
    assert.equal(after.shells[0]?.options.session, 'session-0');
    assert.equal(after.window.terminals[0]?.shown.length, 0);
    after.terminals.update(know(one, two));
    after.terminals.update(know(one, two));
    assert.deepEqual(
      after.shells.map(({ options }) => [options.seat, options.session]),
      [
        [1, 'session-0'],
        [2, 'session-1'],
      ],
    );
    after.terminals.dispose();

    const later = openWindow(before.memory);
    later.terminals.update(know(two));
    assert.deepEqual(
      later.shells.map(({ options }) => options.session),
      ['session-1'],
    );
  });

  it('do not come back where a person has closed them, but their sessions do', () => {
    const before = openWindow();
    before.terminals.show('ws-one', one);
    before.shells[0]?.tell.onState('connected');
    before.window.terminals[0]?.dispose(USER);
    before.terminals.dispose();
    const after = openWindow(before.memory);
    after.terminals.update(know(one));
    assert.equal(after.window.terminals.length, 0);
    after.terminals.show('ws-one', one);
    assert.equal(after.shells[0]?.options.session, 'session-0');
  });

  it('are opened by the profile, one more each time', async () => {
    const { terminals, window, shells, vs } = openWindow();
    const errors: unknown[] = [];
    let chosen: { workshop: ReturnType<typeof workshop>; seat: Seat } | undefined = { workshop: workshop(), seat: one };
    const picker = { seat: () => (chosen === undefined ? Promise.reject(new Error('none')) : Promise.resolve(chosen)) };
    registerTerminalProfile({ vs, picker, terminals, onError: (error) => void errors.push(error) });
    const provide = async () => {
      const token = {} as vscode.CancellationToken;
      const profile = await window.profile?.provideTerminalProfile(token);
      if (profile !== undefined && profile !== null)
        window.createTerminal(profile.options as vscode.ExtensionTerminalOptions);
    };
    await provide();
    shells[0]?.tell.onState('connected');
    await provide();
    assert.deepEqual(
      shells.map(({ options }) => options.session),
      [undefined, undefined],
    );
    assert.equal(window.living.length, 2);
    // VS Code 1.139 leaves another one in front.
    assert.deepEqual(
      window.living.map(({ shown }) => shown.length),
      [1, 1],
    );
    // Pressing the seat's icon finds the one that is there.
    terminals.show('ws-one', one);
    assert.equal(window.terminals.length, 2);
    chosen = undefined;
    await provide();
    assert.equal(window.terminals.length, 2);
    assert.equal(errors.length, 1);
  });

  it('show what happens in a shell that is chosen, at its size, and take no input', async () => {
    const { terminals, window, shells, vs } = openWindow();
    const session = (id: string, title: string) => ({ id, title, viewers: 1, created_at: new Date(0).toISOString() });
    let listed = [session('first', 'vim'), session('second', '')];
    const parts = {
      vs,
      picker: { seat: () => Promise.resolve({ workshop: workshop(), seat: one }) },
      terminals: { sessions: () => Promise.resolve(listed), watch: terminals.watch.bind(terminals) },
    };
    const command = terminalCommands(parts)['carapace.watchTerminal'];
    assert.equal((await command({})).status, 'cancelled');
    window.picked = 1;
    assert.equal((await command({})).status, 'ok');
    assert.deepEqual([shells[0]?.options.session, shells[0]?.options.mode], ['second', 'view']);
    assert.equal(window.name(), 'Seat 1 · Ada · view');
    const { pty } = window.living[0]!.creationOptions;
    const sizes: unknown[] = [];
    pty.onDidOverrideDimensions?.((size) => sizes.push(size));
    shells[0]?.tell.onSize?.({ cols: 120, rows: 40 });
    assert.deepEqual(sizes, [{ columns: 120, rows: 40 }]);
    pty.handleInput?.('x');
    // Watched once, and not opened again with the window.
    assert.equal((await command({})).status, 'ok');
    assert.equal(window.terminals.length, 1);
    assert.deepEqual(openWindow(terminalsMemory()).window.terminals, []);
    listed = [];
    await assert.rejects(command({}), /Nobody has a terminal in seat 1/);
  });

  function terminalsMemory(): FakeMemento {
    const { terminals, shells, memory } = openWindow();
    terminals.watch('ws-one', one, 'watched');
    shells[0]?.tell.onState('connected');
    assert.equal(JSON.stringify([...memory.values]).includes('watched'), false);
    return memory;
  }
});
