import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCgroup2Limiter, filesOf, wrapInGroup } from '../../../../src/agent/limits/cgroup2.ts';
import { endGroup, listGroups, removeGroup } from '../../../../src/agent/limits/group-folder.ts';
import { InvalidInputError, UnavailableError } from '../../../../src/protocol/errors.ts';
import { processStartTime } from '../../../../src/lib/process-identity.ts';

const BOUNDS = { memoryMb: 100, cpus: 0.5, processes: 10 };
const SIGNAL = AbortSignal.timeout(60_000);

describe('a limiter by cgroup v2', () => {
  it('writes bounds as the kernel wants them', () => {
    assert.deepEqual(filesOf({ memoryMb: 256, cpus: 1.5, processes: 64 }), {
      'memory.max': '268435456',
      'memory.swap.max': '0',
      'cpu.max': '150000 100000',
      'pids.max': '64',
    });
  });

  it('fails with the reason, and leaves nothing, where there is no cgroup v2', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'carapace-cgroup2-'));
    try {
      const limiter = createCgroup2Limiter(parent);
      const isTyped = (error: Error): boolean =>
        error instanceof UnavailableError && error.message.includes('memory.max');
      await assert.rejects(limiter.prepare('one', BOUNDS, SIGNAL), isTyped);
      assert.deepEqual(readdirSync(parent), []);
      await assert.rejects(limiter.prepare('../two', BOUNDS, SIGNAL), InvalidInputError);
      await limiter.remove('never-made');
      await createCgroup2Limiter(join(parent, 'gone')).reap(new Set());
    } finally {
      rmSync(parent, { recursive: true });
    }
  });
});

/** Where this machine has a cgroup v2 tree that this process may change; undefined where it has none. */
function findTree(): string | undefined {
  const mounts = readFileSync('/proc/mounts', 'utf8').matchAll(/^\S+ (\S+) cgroup2 /gm);
  return [...mounts]
    .map(([, folder]) => folder!)
    .find((folder) => {
      try {
        accessSync(join(folder, 'cgroup.procs'), constants.W_OK);
        return true;
      } catch {
        return false;
      }
    });
}

describe('groups of processes in the kernel', () => {
  const tree = findTree();
  let group: string;

  before(function () {
    if (tree === undefined) this.skip();
  });

  beforeEach(() => {
    group = join(tree!, `carapace-test-${process.pid}`);
    mkdirSync(join(group, 'one'), { recursive: true });
  });

  afterEach(async () => {
    await endGroup(group);
    await removeGroup(group);
  });

  it('are entered before the program starts, which keeps its number', async () => {
    const folder = join(group, 'one');
    const [file, ...args] = wrapInGroup(folder, ['sh', '-c', 'echo $$ "$1"; cat /proc/self/cgroup', 'sh', 'a  b']);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    await once(child, 'close');
    assert.ok(output.startsWith(`${child.pid} a  b\n`), output);
    assert.match(output, new RegExp(`^0::/.*carapace-test-${process.pid}/one$`, 'm'));
  });

  it('do not start the program where they cannot be entered', async () => {
    const [file, ...args] = wrapInGroup(join(group, 'gone'), ['touch', '/nowhere/at/all']);
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    await once(child, 'close');
    assert.notEqual(child.exitCode, 0);
    assert.match(errors, /gone\/cgroup\.procs/);
    assert.doesNotMatch(errors, /touch/);
  });

  it('end with everything in them, however it has detached itself, and can then be removed', async () => {
    const script = 'setsid sh -c "trap : TERM; sleep 1000 & echo \\$! & wait" & echo $!; exec sleep 1000';
    const [file, ...args] = wrapInGroup(join(group, 'one'), ['sh', '-c', script]);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    const printed = new Promise<void>((resolve) =>
      child.stdout.on('data', (text: Buffer) => {
        output += text.toString();
        if (output.trim().split('\n').length === 2) resolve();
      }),
    );
    await printed;
    const pids = output.trim().split('\n').map(Number);
    assert.deepEqual(
      pids.map((pid) => processStartTime(pid) !== undefined),
      [true, true],
    );
    assert.deepEqual(await listGroups(group), ['one']);
    await endGroup(group);
    assert.deepEqual(
      pids.map((pid) => processStartTime(pid)),
      [undefined, undefined],
    );
    await removeGroup(group);
    assert.equal(existsSync(group), false);
    await endGroup(group);
    await removeGroup(group);
    assert.deepEqual(await listGroups(group), []);
  });
});
