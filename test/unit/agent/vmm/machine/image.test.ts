import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageReplacedError, readImage, verifyImage } from '../../../../../src/agent/vmm/machine/image.ts';
import { UnavailableError } from '../../../../../src/protocol/errors.ts';
import type { ImageManifest } from '../../../../../src/protocol/image.ts';

const ROOTFS = 'rootfs-1.ext4';

/** What is refused: its message and what its details say of the image. */
function refused(message: RegExp, image: 'absent' | 'corrupt'): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UnavailableError);
    assert.match(error.message, message);
    assert.equal(error.details?.['image'], image);
    return true;
  };
}

describe('the image on disk', () => {
  let folder: string;
  const never = new AbortController().signal;

  function file(name: string, content: string): ImageManifest['kernel'] {
    writeFileSync(join(folder, name), content);
    return { name, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  }

  function write(changes: Partial<ImageManifest> = {}): void {
    const manifest: ImageManifest = {
      ...{ format: 1, id: 'image-1', version: '1.2.3', built_at: '2026-01-02T03:04:05Z' },
      ...{
        kernel: file('vmlinuz-1', 'kernel'),
        initramfs: file('initramfs-1', 'first'),
        rootfs: file(ROOTFS, 'system'),
      },
      ...{ kernel_release: '6.1.0', debian: '12.1', node: '24.0.0', packages: ['bash 5'] },
      ...changes,
    };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-image-'));
    write();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is read with absolute paths of its files', async () => {
    const image = await readImage(folder);
    assert.equal(readFileSync(image.kernel, 'utf8'), 'kernel');
    assert.equal(readFileSync(image.initramfs, 'utf8'), 'first');
    assert.equal(readFileSync(image.rootfs, 'utf8'), 'system');
    assert.equal(image.manifest.id, 'image-1');
    await verifyImage(image, never);
  });

  it('is absent where there is no manifest', async () => {
    rmSync(join(folder, 'manifest.json'));
    await assert.rejects(
      readImage(folder),
      refused(/no manifest\.json in .*images\/build, or name its folder/, 'absent'),
    );
    await assert.rejects(readImage(join(folder, 'nowhere')), refused(/no manifest\.json/, 'absent'));
  });

  it('is corrupt where the manifest is none of ours', async () => {
    for (const text of ['', '{', '{}', '[]', JSON.stringify({ format: 2 })]) {
      writeFileSync(join(folder, 'manifest.json'), text);
      await assert.rejects(
        readImage(folder),
        refused(/cannot be read by this version.*Build the image again/, 'corrupt'),
      );
    }
  });

  it('is corrupt where a file is missing or has another size', async () => {
    writeFileSync(join(folder, ROOTFS), 'syste');
    await assert.rejects(readImage(folder), refused(/rootfs-1\.ext4 has 5 bytes instead of 6/, 'corrupt'));
    rmSync(join(folder, ROOTFS));
    await assert.rejects(readImage(folder), refused(/rootfs-1\.ext4 cannot be read: ENOENT/, 'corrupt'));
  });

  it('is corrupt where a file of the right size has another content', async () => {
    writeFileSync(join(folder, ROOTFS), 'System');
    const image = await readImage(folder);
    await assert.rejects(verifyImage(image, never), refused(/rootfs-1\.ext4 is not what was built/, 'corrupt'));
    // Not only the first time.
    await assert.rejects(verifyImage(image, never), refused(/is not what was built/, 'corrupt'));
  });

  it('is read whole once, and again when a file was written', async () => {
    const image = await readImage(folder);
    const time = new Date('2026-01-01T00:00:00Z');
    utimesSync(image.rootfs, time, time);
    await verifyImage(image, never);
    // A change that nobody can see: the same size, time and file. It shows that the content is not read again.
    writeFileSync(image.rootfs, 'sYstem');
    utimesSync(image.rootfs, time, time);
    await verifyImage(image, never);
    utimesSync(image.rootfs, time, new Date('2026-01-01T00:00:01Z'));
    await assert.rejects(verifyImage(image, never), refused(/is not what was built/, 'corrupt'));
  });

  it('that was replaced by another one is not taken for the one that was read', async () => {
    const image = await readImage(folder);
    write({ id: 'image-2' });
    await assert.rejects(verifyImage(image, never), ImageReplacedError);
  });

  it('is not read to its end for somebody who does not wait', async () => {
    const image = await readImage(folder);
    await assert.rejects(verifyImage(image, AbortSignal.abort(new Error('no more'))), /no more|aborted/);
  });
});
