/** A workshop of real machines through a real control plane, used as the extension does, and counted from outside. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { SeatFiles } from '../../../src/client/seat-files.ts';
import { SeatTerminal } from '../../../src/client/terminal/seat-terminal.ts';
import { waitForOperation } from '../../../src/client/wait.ts';
import type { ExecResult } from '../../../src/protocol/files.ts';
import type { Operation } from '../../../src/protocol/operation.ts';
import { processesNaming } from '../../support/processes.ts';

/** How long a step may take on a machine that is emulated and busy with others. */
export const DEADLINE_MS = 240_000;

/** Asks again and again until it is true. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await ask())) {
    assert.ok(Date.now() < deadline, `waited in vain until ${what}`);
    await sleep(100);
  }
}

/** Waits for the end of an operation that has to succeed. */
export async function succeeded(client: ControlPlaneClient, operation: Operation | null): Promise<void> {
  assert.ok(operation !== null);
  const { status, error } = await waitForOperation(client, operation.id, { signal: AbortSignal.timeout(DEADLINE_MS) });
  assert.equal(status, 'succeeded', JSON.stringify(error));
}

/** Everything on this machine that seats are made of, outside of the state folder: by kinds, sorted. */
export function countWorld(stateFolder: string): Record<string, readonly string[]> {
  const lines = (program: string, ...args: string[]): string[] =>
    execFileSync(program, args, { encoding: 'utf8' }).split('\n').filter(Boolean).sort();
  const pseudo = /^(proc|sysfs|cgroup2?|devpts|mqueue|devtmpfs|nsfs) /;
  return {
    links: lines('ip', '-brief', 'link').map((line) => line.split(/\s+/)[0]!),
    namespaces: lines('ip', 'netns', 'list').map((line) => line.split(' ')[0]!),
    rules: lines('nft', 'list', 'ruleset'),
    mounts: readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !pseudo.test(line))
      .sort(),
    processes: processesNaming(stateFolder)
      .map(({ command }) => command)
      .filter((command) => !command.includes('cli.cjs serve'))
      .sort(),
    sockets: readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.split(/\s+/)[7] ?? '')
      .filter((path) => path.includes(stateFolder) || path.includes('clarateach'))
      .sort(),
    groups: readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.includes('clarateach'),
    ),
  };
}

/** One seat, as its learner's extension sees it. */
export class TestSeat {
  readonly #client: ControlPlaneClient;
  readonly workshopId: string;
  readonly seat: number;
  readonly #terminals: TestTerminal[] = [];

  constructor(client: ControlPlaneClient, workshopId: string, seat: number) {
    this.#client = client;
    this.workshopId = workshopId;
    this.seat = seat;
  }

  async files(): Promise<SeatFiles> {
    const access = await this.#client.access(this.workshopId, this.seat, 'learner');
    return new SeatFiles({ access, workshopId: this.workshopId, seat: this.seat });
  }

  /** Runs a command of the shell to its end. */
  async run(command: string, timeoutMs = 60_000): Promise<ExecResult> {
    return (await this.files()).exec({ command, timeout_ms: timeoutMs });
  }

  /** What a command prints; it has to succeed. */
  async output(command: string, timeoutMs?: number): Promise<string> {
    const { exit_code, stdout, stderr } = await this.run(command, timeoutMs);
    assert.equal(exit_code, 0, `${command}: ${stderr}`);
    return stdout.trim();
  }

  async status(): Promise<string> {
    const seats = await this.#client.listSeats(this.workshopId);
    return seats.find(({ seat }) => seat === this.seat)?.status ?? 'none';
  }

  openTerminal(): TestTerminal {
    const terminal = new TestTerminal(this.#client, this.workshopId, this.seat);
    this.#terminals.push(terminal);
    return terminal;
  }

  close(): void {
    for (const terminal of this.#terminals.splice(0)) terminal.close();
  }
}

/** A terminal by the extension's own client. */
export class TestTerminal {
  text = '';
  skipped = 0;
  failed: Error | undefined;
  readonly states: string[] = [];
  readonly #terminal: SeatTerminal;

  constructor(client: ControlPlaneClient, workshopId: string, seat: number) {
    this.#terminal = new SeatTerminal(
      {
        getAccess: (signal) => client.access(workshopId, seat, 'learner', signal),
        workshopId,
        seat,
        cols: 80,
        rows: 24,
      },
      {
        onData: (bytes) => (this.text += Buffer.from(bytes).toString('latin1')),
        onState: (state) => void this.states.push(state),
        onSkipped: (bytes) => (this.skipped += bytes),
        onExit: () => undefined,
        onFailed: (error) => (this.failed = error),
      },
    );
  }

  write(text: string): void {
    this.#terminal.write(text);
  }

  /** Waits for what the shell shows. */
  async shows(pattern: RegExp, deadlineMs?: number): Promise<string> {
    await until(
      `the terminal shows ${pattern}; it shows …${this.text.slice(-300)}`,
      () => {
        assert.equal(this.failed, undefined);
        return pattern.test(this.text);
      },
      deadlineMs,
    );
    return pattern.exec(this.text)![0];
  }

  close(): void {
    this.#terminal.dispose();
  }
}

/** The hash of what `seq 1 LAST` prints between two marks of a terminal. */
export function hashBetween(text: string, begin: string, end: string): string {
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end, from);
  assert.ok(from >= begin.length && to > from, 'the marks are there');
  return createHash('sha256').update(text.slice(from, to), 'latin1').digest('hex');
}

export function hashOfNumbers(last: number): string {
  const hash = createHash('sha256');
  for (let from = 1; from <= last; from += 10_000) {
    let text = '';
    for (let number = from; number < from + 10_000 && number <= last; number += 1) text += `${number}\n`;
    hash.update(text);
  }
  return hash.digest('hex');
}

/** The process of the agent under this state folder. */
export function agentProcess(home: string): number {
  const found = readdirSync(home, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('agent.json'));
  assert.ok(found !== undefined, 'an agent has told of itself');
  return (JSON.parse(readFileSync(join(home, found), 'utf8')) as { pid: number }).pid;
}
