/** The QA playbook by the command line, against the real SkyPilot. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { PLAYBOOK } from '../../../src/lib/playbook.ts';
import { RigServer } from './server.ts';
import { instances, rigFolder, sky, WHY_SKIPPED } from './rig/rig.ts';

const CARAPACE = resolve('bin/carapace');
const MACHINE = ['--cloud', 'aws', '--region', 'us-east-1', '--cpus', '2+', '--memory', '8+'];

interface Report {
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly { readonly scenario: string; readonly outcome: string; readonly seen: string }[];
}

describe('carapace qa with the real SkyPilot', function () {
  // Eight on a quiet machine of two cores.
  this.timeout(30 * 60_000);
  const server = new RigServer();

  before(async function () {
    if (rigFolder === undefined) {
      console.log(WHY_SKIPPED);
      this.skip();
    }
    await server.serve();
  });
  after(() => server.dispose());

  it('passes every scenario, and leaves nothing in the cloud', async () => {
    const report = join(server.state.folder, 'report.md');
    const words = ['qa', '--yes', '--json', '--report', report, ...MACHINE];
    const env = { CARAPACE_HOME: server.state.home };
    const ran = await execa(CARAPACE, words, { env, reject: false, stdin: 'ignore' });
    const told = JSON.parse(ran.stdout) as Report;
    assert.ok(existsSync(report), ran.stderr);
    if (told.failed > 0 || ran.exitCode !== 0) console.log(readFileSync(report, 'utf8'), server.controlPlane.log());
    assert.equal(told.failed, 0);
    assert.equal(told.skipped, 0);
    assert.equal(ran.exitCode, 0);
    const done = new Set(told.results.map(({ scenario }) => scenario));
    for (const { id } of PLAYBOOK) assert.ok(done.has(id), `${id} was not run`);
    assert.deepEqual(await instances(), []);
    assert.match((await sky(['status'])).stdout, /No existing clusters/);
    assert.equal((await server.client.getCluster()).status, 'no_server');
  });
});
