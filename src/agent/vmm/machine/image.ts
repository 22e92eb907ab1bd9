/** What machines are made from: a folder with a manifest, built by images/build. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAtImage } from '../../../lib/machine-image.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { ImageManifest } from '../../../protocol/image.ts';

export { imageManifestSchema, type ImageManifest } from '../../../protocol/image.ts';

/** An image whose files are there. Paths are absolute. */
export interface MachineImage {
  readonly folder: string;
  readonly manifest: ImageManifest;
  readonly kernel: string;
  readonly initramfs: string;
  readonly rootfs: string;
}

const ADVICE = {
  absent: 'Build the image with images/build, or name its folder in IMAGES_DIR.',
  corrupt: 'Build the image again with images/build.',
} as const;

async function look(folder: string, checksums: boolean, signal?: AbortSignal): Promise<ImageManifest> {
  const found = await lookAtImage(folder, { checksums, ...(signal && { signal }) });
  if (found.state === 'present') return found.manifest;
  throw new UnavailableError(`${found.problem} ${ADVICE[found.state]}`, { image: found.state, folder });
}

/**
 * The image in a folder, its files there and of the right size.
 * @throws UnavailableError naming what is missing or wrong; `details.image` is `absent` or `corrupt`
 */
export async function readImage(folder: string): Promise<MachineImage> {
  const manifest = await look(folder, false);
  const { kernel, initramfs, rootfs } = manifest;
  const path = (file: { readonly name: string }) => join(folder, file.name);
  return { folder, manifest, kernel: path(kernel), initramfs: path(initramfs), rootfs: path(rootfs) };
}

/** By folder: what its files were when their checksums were right. */
const verified = new Map<string, string>();

/** Changes whenever a file of the image is written or replaced, or another one is expected. */
async function stateOf(image: MachineImage): Promise<string> {
  const { kernel, initramfs, rootfs } = image.manifest;
  const expected = [kernel.sha256, initramfs.sha256, rootfs.sha256];
  const stats = await Promise.all(
    [image.kernel, image.initramfs, image.rootfs].map((path) => stat(path, { bigint: true }).catch(() => undefined)),
  );
  const found = stats.map((file) => (file === undefined ? 'none' : `${file.ino} ${file.size} ${file.mtimeNs}`));
  return [...expected, ...found].join('\n');
}

/** There is another image now than the one that was read. */
export class ImageReplacedError extends UnavailableError {}

/**
 * Compares the image's files with the checksums of its manifest, unless they are as they were the last time.
 * @throws UnavailableError naming the file that is missing or another one, the signal's reason where it aborts
 */
export async function verifyImage(image: MachineImage, signal: AbortSignal): Promise<void> {
  const state = await stateOf(image);
  if (verified.get(image.folder) === state) return;
  const manifest = await look(image.folder, true, signal);
  if (manifest.id !== image.manifest.id) {
    throw new ImageReplacedError(`The image in ${image.folder} was replaced meanwhile. Try again.`);
  }
  verified.set(image.folder, state);
}
