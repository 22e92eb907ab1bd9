/** Building an image, from the packages of the one in IMAGES_DIR: without the network, and from nothing but these. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readImage, verifyImage } from '../../../src/agent/vmm/machine/image.ts';
import { imagesFolder, lookAtImage } from '../../../src/lib/machine-image.ts';
import { processesNaming } from '../../support/processes.ts';

const never = new AbortController().signal;
/** Where bin/lib.sh has Debian's part kept. */
const CACHE = join(dirname(imagesFolder()), 'image-systems');

interface Build {
  readonly kill: () => void;
  /** What it said, once it has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
}

function build(...options: string[]): Build {
  const child = spawn('images/build', ['--cache', CACHE, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, said }));
  return { kill: () => child.kill('SIGKILL'), ended };
}

describe('building an image', function () {
  this.timeout(240_000);
  let folder: string;
  const output = (name: string) => join(folder, name);

  before(() => {
    assert.ok(readdirSync(CACHE).length > 0, `no packages in ${CACHE}: build the image by ensure_images of bin/lib.sh`);
    folder = mkdtempSync(join(tmpdir(), 'carapace-image-build-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves nothing that counts when it is killed, and two at once make one', async () => {
    const killed = build('--output', output('one'));
    // In the middle of its work: the tree itself is in memory that only the build sees.
    while (!existsSync(join(output('one'), '.building/files'))) await sleep(50);
    await sleep(500);
    killed.kill();
    await killed.ended;
    assert.equal((await lookAtImage(output('one'), { checksums: false })).state, 'absent');
    while (processesNaming(output('one')).length > 0) await sleep(50);
    assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(folder));

    const both = await Promise.all([build('--output', output('one')).ended, build('--output', output('one')).ended]);
    for (const { code, said } of both) assert.equal(code, 0, said);
    const said = both.map((one) => one.said);
    assert.equal(said.filter((text) => text.includes('Building the image')).length, 1, said.join());
    assert.equal(said.filter((text) => /Waiting for another build[^]*is up to date/.test(text)).length, 1, said.join());
    await verifyImage(await readImage(output('one')), never);
    assert.ok(!existsSync(join(output('one'), '.building')));
  });

  it('of the same packages gives the same to the last bit', async () => {
    const { code, said } = await build('--output', output('two')).ended;
    assert.equal(code, 0, said);
    const [one, two] = [await readImage(output('one')), await readImage(output('two'))];
    assert.deepEqual({ ...two.manifest, built_at: '' }, { ...one.manifest, built_at: '' });
    await verifyImage(two, never);
  });

  it('does nothing where nothing has changed, and mends what somebody else has changed', async () => {
    const before = await readImage(output('two'));
    const { mtimeMs } = statSync(join(output('two'), 'manifest.json'));
    assert.match((await build('--output', output('two')).ended).said, /is up to date/);
    assert.equal(statSync(join(output('two'), 'manifest.json')).mtimeMs, mtimeMs);

    rmSync(before.initramfs);
    assert.match((await build('--output', output('two')).ended).said, /Building the image/);
    await verifyImage(await readImage(output('two')), never);
  });

  it('says what it was given that is not there', async () => {
    const { code, said } = await build('--output', output('three'), '--packages', '/nowhere/list').ended;
    assert.equal(code, 1);
    assert.match(said, /There is no file \/nowhere\/list\./);
    assert.ok(!existsSync(output('three')));
  });
});
