import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { areSeatsWell, seatsReport, seatsText, type SeatsReport } from '../../../src/cli/doctor/seats.ts';
import { machine, MANIFEST, NO_IMAGE, programsBut } from '../provisioning/local/facts.ts';
import { run } from './run.ts';

describe('what the doctor says of seats', () => {
  it('is that all is well, where the best that can be is there', () => {
    const text = seatsText(machine());
    assert.match(text, /^Seats on this machine: the runtime "auto" is firecracker\.\n/);
    assert.match(text, /\nqemu {9}yes {5}MicroVMs \(QEMU, KVM\)\n/);
    assert.match(text, /\nprocess {6}yes {5}processes: no isolation\n/);
    assert.match(text, /\nKVM: works/);
    assert.match(
      text,
      /\nImage: image-1 in \/images \(Carapace 0\.1\.0, Debian 12\.1, Linux 6\.1.*\); its checksums are right\.$/,
    );
    assert.ok(areSeatsWell(seatsReport(machine())));
  });

  it('names what is missing, and gathers the commands that get it', () => {
    const poor = machine({
      programs: programsBut('firecracker', 'nft', 'qemu-system-x86_64'),
      image: NO_IMAGE,
      kvm: 'unproven',
    });
    const text = seatsText(poor);
    assert.match(text, /"auto" is process\./);
    assert.match(text, /\nqemu {9}no {6}the program qemu-system-x86_64; the program nft; an image in \/images\n/);
    assert.match(text, /\nKVM: \/dev\/kvm is there; whether it works can be tried once/);
    assert.ok(
      text.endsWith(
        'as root:\n  apt-get install nftables qemu-system-x86\n  images/build   (in a checkout of Carapace)',
      ),
      text,
    );
    assert.ok(!areSeatsWell(seatsReport(poor)));
  });

  it('tells the ways in which KVM can fail from each other', () => {
    const lines = (['absent', 'denied', 'broken'] as const).map(
      (kvm) => /^KVM: .*$/m.exec(seatsText(machine({ kvm })))?.[0] ?? '',
    );
    for (const [index, pattern] of [/no \/dev\/kvm/, /not for this user/, /did not run/].entries()) {
      assert.match(lines[index] ?? '', pattern);
    }
    assert.equal(seatsReport(machine({ kvm: 'broken' })).accelerated, false);
    assert.equal(seatsReport(machine({ kvm: 'unproven' })).accelerated, null);
    assert.match(seatsText(machine({ kvm: 'broken' })), /\nqemu {9}yes {5}MicroVMs \(QEMU, emulated: slow\)\n/);
  });

  it('tells a broken image from none', () => {
    const corrupt = machine({
      image: { state: 'corrupt', folder: '/images', problem: '/images/vmlinuz has 1 bytes instead of 2.' },
    });
    assert.match(seatsText(corrupt), /\nImage: \/images\/vmlinuz has 1 bytes instead of 2\.\n/);
    assert.deepEqual(seatsReport(corrupt).image, {
      state: 'corrupt',
      folder: '/images',
      id: null,
      version: null,
      problem: '/images/vmlinuz has 1 bytes instead of 2.',
    });
  });
});

describe('carapace doctor', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-doctor-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const writeImage = (content: string): void => {
    const sha256 = createHash('sha256').update('built').digest('hex');
    const file = (name: string) => ({ name, bytes: 5, sha256 });
    const files = { kernel: file('k'), initramfs: file('i'), rootfs: file('r') };
    for (const { name } of Object.values(files)) writeFileSync(join(folder, name), name === 'r' ? content : 'built');
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...MANIFEST, ...files }));
  };
  const doctor = async (...words: string[]) => run(['doctor', 'seats', ...words], { IMAGES_DIR: folder, PATH: folder });

  it('needs no control plane, ends with 1 where something is missing, and says it as JSON', async () => {
    const { code, stdout, stderr } = await doctor('--json');
    assert.deepEqual([code, stderr], [1, '']);
    const { seats } = JSON.parse(stdout) as { seats: SeatsReport };
    assert.deepEqual([seats.auto, seats.image.state, seats.image.folder], ['process', 'absent', folder]);
    assert.deepEqual(
      seats.runtimes.map(({ runtime }) => runtime),
      ['firecracker', 'qemu', 'process'],
    );
  });

  it('reads the image whole: one with another content is corrupt', async () => {
    writeImage('built');
    assert.match((await doctor()).stdout, /^Image: image-1 in .*; its checksums are right\.$/m);
    writeImage('bui1t');
    const { code, stdout } = await doctor();
    assert.equal(code, 1);
    assert.match(stdout, /^Image: .*\/r is not what was built: its checksum is another one\.$/m);
    writeImage('built more');
    assert.match((await doctor()).stdout, /^Image: .*\/r has 10 bytes instead of 5\.$/m);
    rmSync(join(folder, 'k'));
    assert.match((await doctor()).stdout, /^Image: .*\/k cannot be read: ENOENT/m);
  });

  it('takes no other part', async () => {
    const { code, stderr } = await run(['doctor', 'everything']);
    assert.equal(code, 2);
    assert.match(stderr, /Allowed choices are seats, server/);
  });
});
