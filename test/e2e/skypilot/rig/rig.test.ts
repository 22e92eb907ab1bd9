/** A real SkyPilot on the rig's cloud: every verb once, and what the rig can break. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { instances, refuse, restartApiServer, rigFolder, run, sky, terminateInstance, WHY_SKIPPED } from './rig.ts';

const NAME = 'carapace-node';
const TASK = `
resources: { infra: aws/us-east-1, cpus: 2+, memory: 8+, disk_size: 50 }
file_mounts:
  /opt/carapace/data/public: ./public
  /opt/carapace/data/private: ./private
`;

interface Row {
  readonly name: string;
  readonly status: string;
}

/** The status as SkyPilot has it, or as the cloud has it. */
async function status(...options: string[]): Promise<string | undefined> {
  const { stdout } = await sky(['status', '-o', 'json', ...options]);
  const json = stdout.slice(stdout.search(/^\[/m));
  return (JSON.parse(json) as Row[]).find(({ name }) => name === NAME)?.status;
}

async function expectSky(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await sky(args);
  assert.equal(exitCode, 0, `sky ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/**
 * Waits until SkyPilot finds this in the cloud. Its own look every minute is not held up by a stop, and one that saw the
 * machine on its way down writes INIT over STOPPED.
 */
async function becomes(expected: string | undefined): Promise<void> {
  const deadline = Date.now() + 120_000;
  let found = await status('--refresh');
  while (found !== expected) {
    assert.ok(Date.now() < deadline, `waited in vain for ${String(expected)}; it is ${String(found)}`);
    await sleep(1000);
    found = await status('--refresh');
  }
}

function onMachine(command: string): Promise<{ exitCode: number; stdout: string }> {
  return run('ssh', ['-o', 'ConnectTimeout=5', NAME, command]);
}

describe('a real SkyPilot in the rig', function () {
  this.timeout(5 * 60_000);
  let file: string;

  before(async function () {
    if (rigFolder === undefined) {
      console.log(WHY_SKIPPED);
      this.skip();
    }
    const folder = join(rigFolder, 'task');
    for (const name of ['public', 'private']) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, 'file.txt'), `${name}\n`);
    }
    file = join(folder, 'task.yaml');
    writeFileSync(file, TASK);
    process.chdir(folder);
    await expectSky('api', 'start');
    await expectSky('check', 'aws');
  });

  afterEach(() => {
    if (rigFolder !== undefined) refuse('none');
  });

  it('launches a machine with the files, and is there when the request ends', async () => {
    const stdout = await expectSky('launch', '-y', '--async', '-c', NAME, file);
    const request = /request: ([0-9a-f-]{36})/.exec(stdout)?.[1];
    assert.ok(request, stdout);
    await expectSky('api', 'logs', request);
    assert.equal(await status(), 'UP');
    assert.match(await expectSky('status', '--ip', NAME), /^\d+\.\d+\.\d+\.\d+$/m);
    assert.deepEqual(
      (await instances()).map(({ state, type }) => ({ state, type })),
      [{ state: 'running', type: 'm6i.large' }],
    );
  });

  it('lets plain ssh in', async () => {
    const { stdout } = await onMachine('cat /opt/carapace/data/*/file.txt; whoami; sudo whoami; echo kept > ~/mine');
    assert.equal(stdout, 'private\npublic\nubuntu\nroot\n');
  });

  it('stops it, and starts it with what was written', async () => {
    await expectSky('stop', '-y', NAME);
    assert.equal((await instances())[0]?.state, 'stopped');
    await becomes('STOPPED');
    await expectSky('start', '-y', NAME);
    await becomes('UP');
    assert.equal((await onMachine('cat ~/mine')).stdout, 'kept\n');
  });

  it('still knows it after its API server crashed', async () => {
    await restartApiServer();
    await becomes('UP');
  });

  it('notices that it was terminated behind its back', async () => {
    const [instance] = await instances();
    assert.ok(instance);
    await terminateInstance(instance.id);
    await becomes(undefined);
  });

  for (const fault of ['capacity', 'quota', 'no-quota', 'credentials'] as const) {
    it(`fails to launch for want of ${fault}, and leaves nothing`, async () => {
      refuse(fault);
      const { exitCode, stderr } = await sky(['launch', '-y', '-c', NAME, file]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /ResourcesUnavailableError/);
      refuse('none');
      assert.equal(await status(), undefined);
      assert.deepEqual(await instances(), []);
    });
  }

  it('launches again and leaves nothing in the cloud', async () => {
    await expectSky('launch', '-y', '-c', NAME, file);
    await expectSky('down', '-y', NAME);
    assert.equal(await status(), undefined);
    assert.deepEqual(await instances(), []);
  });
});
