/** SkyPilot's own parser takes the task of every configuration. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { taskYaml } from '../../../src/provisioning/cluster/task.ts';
import { wishes } from '../../unit/provisioning/cluster/wishes.ts';
import { rigFolder } from './rig/rig.ts';

const CONFIGURATIONS = 500;

/** Reads tasks as a JSON list of YAML texts, and tells for each what SkyPilot made of it. */
const PARSE = `
import json, sys, yaml, sky
told = []
for text in json.load(sys.stdin):
    try:
        task = sky.Task.from_yaml_config(yaml.safe_load(text))
        one = list(task.resources)[0]
        autostop = one.autostop_config
        told.append({
            'name': task.name,
            'spot': one.use_spot,
            'disk': one.disk_size,
            'idle': autostop.idle_minutes if autostop is not None and autostop.enabled else 0,
            'down': bool(autostop.down) if autostop is not None and autostop.enabled else False,
            'mounts': task.file_mounts or {},
        })
    except Exception as error:
        told.append({'error': f'{type(error).__name__}: {error}'})
json.dump(told, sys.stdout)
`;

describe('the task of a server', function () {
  this.timeout(300_000);
  let folder: string;

  before(function () {
    if (rigFolder === undefined) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'carapace-tasks-'));
  });
  after(() => {
    if (rigFolder !== undefined) rmSync(folder, { recursive: true });
  });

  it(`is understood by SkyPilot as it is meant, in ${CONFIGURATIONS} random configurations`, async () => {
    // SkyPilot wants folders that are there. No name ends in a slash: it would mean the folder's files.
    const names = [
      'plain',
      'a b',
      'x: y',
      '# no',
      '"quoted"',
      "it's",
      '{a}',
      '[b]',
      '~',
      'yes',
      '$HOME',
      'ü',
      '*',
      '%',
      '-',
    ];
    for (const name of names) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'file'), 'x');
    }
    const vault = fc.constantFrom(...names).map((name) => join(folder, name));
    const cases = fc.sample(fc.tuple(wishes(vault), fc.boolean()), CONFIGURATIONS);
    const texts = cases.map(([wish, down]) => taskYaml(wish, { down }));
    const { stdout } = await execa('python3', ['-c', PARSE], { input: JSON.stringify(texts), stderr: 'ignore' });
    const told = JSON.parse(stdout.slice(stdout.indexOf('[{'))) as Record<string, unknown>[];
    assert.equal(told.length, CONFIGURATIONS);
    for (const [index, [wish, down]] of cases.entries()) {
      const idle = wish.autostop_minutes ?? 30;
      const { public: open, private: closed } = wish.vaults ?? {};
      const mounts = {
        ...(open !== undefined && { '/opt/carapace/data/public': open }),
        ...(closed !== undefined && { '/opt/carapace/data/private': closed }),
      };
      const expected = {
        name: wish.name ?? 'carapace-node',
        spot: wish.use_spot ?? false,
        disk: wish.disk_size ?? 100,
        idle,
        down: idle > 0 && down,
        mounts,
      };
      assert.deepEqual(told[index], expected, texts[index]);
    }
  });
});
