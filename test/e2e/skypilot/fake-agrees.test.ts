/** The fake SkyPilot of the fast tests answers as the real one does, asked the same questions in the same run. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectAnswers } from '../../fakes/sky/check-against-real.ts';
import { FakeSky } from '../../fakes/sky/fake-sky.ts';
import { differences } from '../../fakes/sky/shapes.ts';
import { cleanEnvironment } from '../../../src/lib/child-environment.ts';
import { rigFolder } from './rig/rig.ts';

const REAL_ENDPOINT = 'http://127.0.0.1:46580';

describe('the fake SkyPilot', function () {
  this.timeout(1_200_000);
  let folder: string;
  let fake: FakeSky;

  before(async function () {
    if (rigFolder === undefined) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'carapace-fake-'));
    fake = await FakeSky.create(join(folder, 'sky'));
  });

  after(async () => {
    if (rigFolder === undefined) return;
    await fake.dispose();
    rmSync(folder, { recursive: true });
  });

  /** A task that the rig can launch, with two vaults. */
  function writeTask(): string {
    const vaults = ['public', 'private'].map((name) => join(folder, name));
    for (const vault of vaults) {
      mkdirSync(vault);
      writeFileSync(join(vault, 'a.txt'), 'a');
    }
    const [open = '', closed = ''] = vaults;
    const task = {
      name: 'carapace-node',
      resources: { infra: 'aws/us-east-1', cpus: '2+', memory: '8+', disk_size: 50 },
      file_mounts: { '/opt/carapace/data/public': open, '/opt/carapace/data/private': closed },
    };
    const path = join(folder, 'task.yaml');
    writeFileSync(path, JSON.stringify(task));
    return path;
  }

  it('answers in the same shapes, with the same exit codes and words', async () => {
    const taskFile = writeTask();
    const real = await collectAnswers({ environment: cleanEnvironment(), endpoint: REAL_ENDPOINT, taskFile });
    const { environment, endpoint } = fake;
    const faked = await collectAnswers({ environment, endpoint, taskFile });
    assert.deepEqual(differences(real, faked), []);
    assert.deepEqual(fake.machines(), []);
  });
});
