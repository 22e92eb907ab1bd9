import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { parse } from 'yaml';
import { launchClusterSchema } from '../../../../src/protocol/cluster.ts';
import { taskYaml } from '../../../../src/provisioning/cluster/task.ts';
import { anyWish } from './wishes.ts';

/** What SkyPilot's schema lets stand at the top and under `resources` (`sky/utils/schemas.py`), as far as it is used. */
const TOP = ['name', 'resources', 'file_mounts', 'envs', 'setup', 'run'];
const RESOURCES = ['infra', 'cpus', 'memory', 'instance_type', 'disk_size', 'use_spot', 'autostop'];

interface Task {
  readonly name: string;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly file_mounts?: Readonly<Record<string, string>>;
  readonly envs: Readonly<Record<string, string>>;
  readonly setup: string;
  readonly run: string;
}

function task(...given: Parameters<typeof taskYaml>): Task {
  return parse(taskYaml(...given)) as Task;
}

describe('the task that SkyPilot is given', () => {
  it('is a small machine that stops by itself where nothing is asked', () => {
    const { name, resources, file_mounts, envs } = task({}, { down: false });
    assert.equal(name, 'carapace-node');
    const autostop = { idle_minutes: 30, down: false };
    assert.deepEqual(resources, { cpus: '4+', memory: '16+', disk_size: 100, use_spot: false, autostop });
    assert.equal(file_mounts, undefined);
    assert.deepEqual(envs, { CARAPACE_SERVER: 'carapace-node', CARAPACE_DATA: '/opt/carapace/data' });
  });

  it('names cloud and region, and one of them alone', () => {
    const infra = (cloud: string | null, region: string | null) =>
      task({ cloud, region }, { down: false }).resources['infra'];
    assert.equal(infra('aws', 'us-east-1'), 'aws/us-east-1');
    assert.equal(infra('aws', null), 'aws');
    assert.equal(infra(null, 'us-east-1'), '*/us-east-1');
    assert.equal(infra(null, null), undefined);
  });

  it('leaves the size to the type of the machine', () => {
    const { resources } = task({ instance_type: 'm6i.large', cpus: '8' }, { down: false });
    assert.deepEqual(
      [resources['instance_type'], resources['cpus'], resources['memory']],
      ['m6i.large', undefined, undefined],
    );
  });

  it('mounts the vaults, unless they are not to be mounted', () => {
    const vaults = { public: '/home/one/open files', private: '/home/one/$HOME: "x"' };
    const mounts = { '/opt/carapace/data/public': vaults.public, '/opt/carapace/data/private': vaults.private };
    assert.deepEqual(task({ vaults }, { down: false }).file_mounts, mounts);
    assert.deepEqual(task({ vaults: { private: '/p' } }, { down: false }).file_mounts, {
      '/opt/carapace/data/private': '/p',
    });
    assert.equal(task({ vaults }, { down: false, mount: false }).file_mounts, undefined);
  });

  it('destroys itself where it cannot be stopped, and never ends by itself where that is asked', () => {
    assert.deepEqual(task({ use_spot: true }, { down: true }).resources['autostop'], { idle_minutes: 30, down: true });
    assert.equal(task({ autostop_minutes: 0 }, { down: true }).resources['autostop'], undefined);
  });

  it('says of any configuration exactly what was asked, in keys that SkyPilot knows', () => {
    fc.assert(
      fc.property(anyWish, fc.boolean(), (wish, down) => {
        assert.ok(launchClusterSchema.safeParse(wish).success);
        const written = task(wish, { down });
        assert.ok(Object.keys(written).every((key) => TOP.includes(key)));
        assert.ok(Object.keys(written.resources).every((key) => RESOURCES.includes(key)));
        const { resources } = written;
        assert.equal(resources['use_spot'], wish.use_spot ?? false);
        assert.equal(resources['disk_size'], wish.disk_size ?? 100);
        const minutes = wish.autostop_minutes ?? 30;
        assert.deepEqual(resources['autostop'], minutes === 0 ? undefined : { idle_minutes: minutes, down });
        if ((wish.instance_type ?? null) === null) assert.equal(resources['cpus'], wish.cpus ?? '4+');
        assert.deepEqual(Object.values(written.file_mounts ?? {}).sort(), Object.values(wish.vaults ?? {}).sort());
        assert.match(written.name, /^[a-z][a-z0-9-]+[a-z0-9]$/);
        assert.equal(typeof written.setup, 'string');
        assert.equal(typeof written.run, 'string');
      }),
      { numRuns: 500 },
    );
  });
});
