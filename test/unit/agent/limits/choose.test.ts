import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseLimiter } from '../../../../src/agent/limits/choose.ts';
import type { Limiter } from '../../../../src/agent/limits/limiter.ts';

const BOUNDS = { memoryMb: 100, cpus: 1, processes: 10 };

describe('the choice of a limiter', () => {
  let folder: string;
  let root: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-choose-'));
    root = join(folder, 'cgroup');
    mkdirSync(root);
    mkdirSync(join(folder, 'bin'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function choose(): Promise<Limiter> {
    return chooseLimiter('me', {
      cgroupRoot: root,
      systemdMark: join(folder, 'systemd'),
      path: `/nowhere:${folder}/bin`,
    });
  }

  function playControllers(controllers: string): void {
    writeFileSync(join(root, 'cgroup.controllers'), `${controllers}\n`);
    writeFileSync(join(root, 'cgroup.subtree_control'), 'io cpu\n');
  }

  /** The kernel makes this file together with the folder; here the folder has to be there before. */
  function playParent(): void {
    mkdirSync(join(root, 'clarateach/me'), { recursive: true });
    for (const folder of ['clarateach', 'clarateach/me'])
      writeFileSync(join(root, folder, 'cgroup.subtree_control'), '\n');
  }

  it('is none on cgroup v1, with the reason, and then bounds nothing', async () => {
    const limiter = await choose();
    assert.equal(limiter.kind, 'none');
    assert.match(limiter.missing ?? '', /cgroup is not cgroup v2 .*unified_cgroup_hierarchy/);
    const confinement = await limiter.prepare('one', BOUNDS, AbortSignal.timeout(1000));
    assert.deepEqual(confinement.wrap(['true', 'x']), ['true', 'x']);
    assert.deepEqual(await limiter.counters('one'), {});
    await limiter.remove('one');
    await limiter.reap(new Set());
  });

  it('is none where controllers are missing, and names them', async () => {
    playControllers('cpuset cpu io');
    const limiter = await choose();
    assert.equal(limiter.kind, 'none');
    assert.match(limiter.missing ?? '', /no controller memory, pids here/);
  });

  it('is systemd where it runs the machine and has systemd-run', async () => {
    playControllers('cpu memory pids');
    mkdirSync(join(folder, 'systemd'));
    writeFileSync(join(folder, 'bin/systemd-run'), '', { mode: 0o755 });
    const limiter = await choose();
    assert.deepEqual([limiter.kind, limiter.missing], ['systemd', undefined]);
  });

  it('is cgroup v2 elsewhere, with the controllers that are not there yet passed on', async () => {
    playControllers('cpu memory pids');
    playParent();
    const limiter = await choose();
    assert.deepEqual([limiter.kind, limiter.missing], ['cgroup2', undefined]);
    assert.match(readFileSync(join(root, 'cgroup.subtree_control'), 'utf8'), /^\+memory \+pids/);
    assert.equal(readFileSync(join(root, 'clarateach/me/cgroup.subtree_control'), 'utf8'), '+cpu +memory +pids');
  });

  it('is none where the kernel does not let it', async () => {
    playControllers('cpu memory pids');
    const limiter = await choose();
    assert.equal(limiter.kind, 'none');
    assert.match(limiter.missing ?? '', /cgroup v2 cannot be used \(ENOENT.*subtree_control/);
  });
});
