import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { judgeLook, readServerBusy } from '../../../../../src/provisioning/cluster/idle/jobs.ts';
import { localShell, notAborted } from '../vaults/local-shell.ts';

interface Played {
  readonly uid?: number;
  /** Ticks over the 2 s; 40 are a fifth of a core. */
  readonly used?: number;
  readonly command?: readonly string[];
  readonly name?: string;
  readonly groups?: string;
}

const OWN = 1000;

/** What the server tells where one process used so much. */
function told({
  uid = OWN,
  used = 100,
  command = ['python3', 'train.py'],
  name = 'python3',
  groups = '0::/',
}: Played): string {
  const stat = (ticks: number): string => `7 (${name}) R 1 7 7 0 -1 4194304 1 2 3 4 ${ticks} 0 0 0 20 0 1 0 500 1 1`;
  return [
    'a shell says hello\n',
    `0 ${OWN} 100\n`,
    `100.00 50.00\n${stat(1000)}\n`,
    `102.00 50.00\n${stat(1000 + used)}\n`,
    `/proc/7 ${uid}\n`,
    `/proc/7/cmdline:${command.join('\0')}\0\n`,
    `/proc/7/cgroup:${groups}\n`,
  ].join('carapace-part\n');
}

describe('running jobs', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-jobs-'));
    mkdirSync(join(folder, '.sky'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('counts a process of the person from a fifth of a core on', () => {
    assert.equal(judgeLook(told({ used: 40 })), true);
    assert.equal(judgeLook(told({ used: 39 })), false);
    assert.equal(judgeLook(told({ name: ') R 1 (x' })), true);
  });

  it('counts what runs as root only in a session or a container', () => {
    assert.equal(judgeLook(told({ uid: 0, groups: '0::/system.slice/unattended-upgrades.service' })), false);
    assert.equal(judgeLook(told({ uid: 0, groups: '0::/user.slice/user-1000.slice/session-4.scope' })), true);
    assert.equal(judgeLook(told({ uid: 0, groups: '0::/system.slice/docker-0a1b.scope' })), true);
  });

  it('does not count editors, SSH, Ray and SkyPilot, but what is run in them', () => {
    const daemons = [
      ['sshd: ubuntu@pts/0'],
      ['/home/u/.vscode-server/cli/servers/Stable-1/server/node', '--dns-result-order', 'out/bootstrap-fork'],
      ['/home/u/.cursor-server/bin/1/node', 'out/server-main.js'],
      ['/home/u/skypilot-runtime/lib/python3.10/site-packages/ray/core/src/ray/raylet/raylet', '--x'],
      ['/home/u/skypilot-runtime/bin/python', '-u', '/x/site-packages/ray/dashboard/dashboard.py'],
      ['/home/u/skypilot-runtime/bin/python', '-m', 'sky.skylet.skylet'],
      ['ray::IDLE'],
    ];
    for (const command of daemons) assert.equal(judgeLook(told({ command })), false, command.join(' '));
    const debugged = ['/usr/bin/python3', '/home/u/.vscode-server/extensions/debugpy/launcher', '--', 'train.py'];
    for (const command of [debugged, ['ray::train'], ['bash'], ['make', '-j4']]) {
      assert.equal(judgeLook(told({ command })), true, command.join(' '));
    }
  });

  it('says so where the server does not tell', () => {
    assert.throws(() => judgeLook(''), { code: 'UNAVAILABLE' });
    assert.throws(() => judgeLook(told({}).replace('0 1000 100', ' 1000 100')), { code: 'UNAVAILABLE' });
  });

  it('sees a process that computes, by the real command', async () => {
    const burner = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    try {
      await once(burner, 'spawn');
      assert.equal(await readServerBusy(localShell({ SKY_RUNTIME_DIR: folder }), notAborted), true);
    } finally {
      burner.kill('SIGKILL');
      await once(burner, 'exit');
    }
  });

  it("asks SkyPilot's table of jobs", async function () {
    if (spawnSync('python3', ['-c', 'import sqlite3']).status !== 0) this.skip();
    const path = join(folder, '.sky/jobs.db');
    const database = new DatabaseSync(path);
    database.exec(
      "CREATE TABLE jobs (job_id INTEGER PRIMARY KEY, status TEXT); INSERT INTO jobs VALUES (1, 'SUCCEEDED')",
    );
    const heads: string[] = [];
    const shell = localShell({ SKY_RUNTIME_DIR: folder });
    const listening: typeof shell = {
      run: async (command, request) => {
        const answer = await shell.run(command.replace('sleep 2', 'sleep 0'), request);
        heads.push(answer.stdout.toString().split('\n')[1]?.split(' ')[0] ?? '');
        return answer;
      },
    };
    await readServerBusy(listening, notAborted);
    database.exec("INSERT INTO jobs VALUES (2, 'RUNNING')");
    assert.equal(await readServerBusy(listening, notAborted), true);
    assert.deepEqual(heads, ['0', '1']);
    database.exec('DROP TABLE jobs');
    await assert.rejects(readServerBusy(listening, notAborted), { code: 'UNAVAILABLE' });
    database.close();
  });
});
