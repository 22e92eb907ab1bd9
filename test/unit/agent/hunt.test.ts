import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endSeatProcesses, signalProcess } from '../../../src/agent/vmm/process/end-processes.ts';
import { findMarkedFolders, findSeatProcesses, MARKER } from '../../../src/agent/vmm/process/hunt.ts';
import { chooseQueueLimit } from '../../../src/agent/vmm/process/queue-limit.ts';
import { parseStat, readProcesses, readQueueLimit } from '../../../src/agent/vmm/process/process-table.ts';
import { isAlive, ownIdentity } from '../../../src/lib/process-identity.ts';

/** A sleep that no other test has; its duration tells it from others. */
let lastSleep = 1_000_000 + Math.floor(Math.random() * 1_000_000);

function newSleep(): string {
  lastSleep += 1;
  return String(lastSleep);
}

function pidsOfSleep(seconds: string): number[] {
  return [...readProcesses().keys()].filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${seconds}\0`;
    } catch {
      return false;
    }
  });
}

async function pidOfSleep(seconds: string): Promise<number> {
  for (;;) {
    const [pid] = pidsOfSleep(seconds);
    if (pid !== undefined) return pid;
    await sleep(5);
  }
}

describe('the hunt for the processes of a seat', () => {
  let folder: string;
  let home: string;
  let queueLimit: number;
  let children: ChildProcess[];
  let sleeps: string[];

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-hunt-')));
    home = join(folder, 'home');
    mkdirSync(home);
    writeFileSync(join(home, 'notes'), 'text\n');
    queueLimit = chooseQueueLimit() ?? assert.fail('this machine has no room for a queue limit');
    children = [];
    sleeps = [];
  });

  afterEach(async () => {
    await endSeatProcesses({ folder, queueLimit });
    for (const child of children) child.kill('SIGKILL');
    for (const seconds of sleeps) for (const pid of pidsOfSleep(seconds)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });

  function run(script: string, environment: Record<string, string>, cwd = home): ChildProcess {
    const env = { PATH: process.env['PATH'] ?? '', ...environment };
    const child = spawn('/bin/bash', ['-c', script], { cwd, env, detached: true, stdio: 'ignore' });
    children.push(child);
    return child;
  }

  function trackedSleep(): string {
    const seconds = newSleep();
    sleeps.push(seconds);
    return seconds;
  }

  /** Starts a process from a shell of the seat, which then lives on or ends. */
  async function inSeat(command: (seconds: string) => string, shellEnds = true): Promise<number> {
    const seconds = trackedSleep();
    const script = `ulimit -q ${queueLimit}; ${command(seconds)}\n${shellEnds ? '' : 'wait'}`;
    const shell = run(script, { [MARKER]: folder, HOME: home });
    if (shellEnds) await once(shell, 'exit');
    return pidOfSleep(seconds);
  }

  function found(signs = { folder, queueLimit: queueLimit as number | undefined }): Set<number> {
    return new Set(findSeatProcesses(signs).map((entry) => entry.pid));
  }

  /** Without the help of the queue limit. */
  function foundOtherwise(): Set<number> {
    return found({ folder, queueLimit: undefined });
  }

  it('finds by the marker what has left its shell, session and folder', async () => {
    const pid = await inSeat((seconds) => `cd /; setsid nohup sleep ${seconds} </dev/null >/dev/null 2>&1 &`);
    assert.ok(foundOtherwise().has(pid));
  });

  it('finds by the queue limit what has cleared its environment as well', async () => {
    const pid = await inSeat((seconds) => `cd /; env -i setsid sleep ${seconds} </dev/null >/dev/null 2>&1 &`);
    assert.equal(readQueueLimit(pid), queueLimit);
    assert.ok(found().has(pid));
    assert.ok(!foundOtherwise().has(pid));
  });

  it('leaves to another seat what carries that one’s marker, though the queue limits are the same', async () => {
    const seconds = trackedSleep();
    const script = `ulimit -q ${queueLimit}; cd /; exec sleep ${seconds}`;
    run(script, { [MARKER]: `${folder}-other`, HOME: tmpdir() }, '/');
    const pid = await pidOfSleep(seconds);
    assert.equal(readQueueLimit(pid), queueLimit);
    assert.ok(!found().has(pid));
    assert.notEqual(chooseQueueLimit(), queueLimit);
  });

  it('finds an orphan without a home by its working folder, without marker or limit', async () => {
    const pid = await inSeat((seconds) => `env -i setsid sleep ${seconds} </dev/null >/dev/null 2>&1 &`);
    assert.ok(foundOtherwise().has(pid));
  });

  it('finds an orphan without a home by a file that it writes', async () => {
    const pid = await inSeat((seconds) => `cd /; env -i setsid sleep ${seconds} </dev/null >>${home}/log 2>&1 &`);
    assert.ok(foundOtherwise().has(pid));
  });

  it('finds by descent and session what carries no sign of its own', async () => {
    const seconds = trackedSleep();
    const leader = run(`env -i bash -c 'cd /; sleep ${seconds}; true' & wait`, { [MARKER]: folder });
    const pid = await pidOfSleep(seconds);
    const all = foundOtherwise();
    assert.ok(all.has(pid) && all.has(leader.pid!));
  });

  it('spares who looks in from outside: a reader, a shell that stands there, an editor that was left there', async () => {
    const tail = spawn('tail', ['-f', join(home, 'notes')], { cwd: '/', stdio: 'ignore' });
    const shell = spawn('/bin/bash', ['-c', 'read -t 1000'], {
      cwd: home,
      env: {},
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    children.push(tail, shell);
    const editor = trackedSleep();
    const script = `setsid sleep ${editor} </dev/null >>notes 2>&1 &`;
    await once(run(script, { HOME: tmpdir() }), 'exit');
    const editorPid = await pidOfSleep(editor);
    assert.equal(readProcesses().get(editorPid)?.parent, 1, 'this machine gives orphans to its first process');
    const all = found();
    for (const pid of [tail.pid!, shell.pid!, editorPid]) assert.ok(!all.has(pid));
  });

  it('never finds this process or what it descends from, whatever they carry', () => {
    const own = readQueueLimit('self');
    assert.notEqual(own, undefined);
    const all = found({ folder, queueLimit: own });
    assert.ok(!all.has(process.pid) && !all.has(process.ppid) && !all.has(1));
  });

  it('tells a seat from one whose name begins the same', async () => {
    const seconds = trackedSleep();
    run(`sleep ${seconds}; true`, { [MARKER]: `${folder}0`, HOME: tmpdir() }, '/');
    const pid = await pidOfSleep(seconds);
    assert.ok(!found().has(pid));
    assert.ok(findMarkedFolders(`${folder}0`).has(`${folder}0`));
  });

  it('ends all of them, however they have detached themselves', async () => {
    const pids = [
      await inSeat((seconds) => `setsid nohup sleep ${seconds} >/dev/null 2>&1 &`),
      await inSeat((seconds) => `cd /; env -i setsid sleep ${seconds} </dev/null >/dev/null 2>&1 &`),
      await inSeat((seconds) => `sleep ${seconds} &`, false),
      await inSeat((seconds) => `(trap '' TERM HUP INT; while :; do sleep ${seconds}; done) &`, false),
    ];
    await endSeatProcesses({ folder, queueLimit });
    assert.deepEqual([...found()], []);
    for (const pid of pids) assert.equal(readProcesses().get(pid), undefined);
    for (const seconds of sleeps) assert.deepEqual(pidsOfSleep(seconds), []);
  });
});

describe('a process in the table', () => {
  it('is read whatever its name is, and not when it is a zombie', () => {
    const rest = '10 1 20 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 9';
    const entry = { pid: 42, start_time: '777', parent: 10, session: 20, name: 'a) R (b' };
    assert.deepEqual(parseStat(`42 (a) R (b) S ${rest}`), entry);
    assert.equal(parseStat(`42 (a) Z ${rest}`), undefined);
    assert.equal(parseStat(''), undefined);
  });

  it('gets no signal when its number belongs to a later process', async () => {
    const child = spawn('sleep', ['1000']);
    await once(child, 'spawn');
    const pid = child.pid!;
    assert.equal(signalProcess({ pid, start_time: '1' }, 'SIGKILL'), false);
    assert.ok(child.exitCode === null && child.kill(0));
    assert.equal(signalProcess({ pid, start_time: readProcesses().get(pid)!.start_time }, 'SIGKILL'), true);
    await once(child, 'exit');
    assert.ok(isAlive(ownIdentity()));
  });
});
