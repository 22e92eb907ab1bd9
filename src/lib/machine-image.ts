/** Looking at the image that machines are made from. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { IMAGE_MANIFEST, imageManifestSchema, type ImageFile, type ImageManifest } from '../protocol/image.ts';

const DEFAULT_IMAGES_FOLDER = '/var/lib/clarateach/images';

/** `$IMAGES_DIR`, else /var/lib/clarateach/images. */
export function imagesFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['IMAGES_DIR'];
  return chosen === undefined || chosen === '' ? DEFAULT_IMAGES_FOLDER : resolve(chosen);
}

/** An image as it was found; `problem` is a sentence. */
export type ImageState =
  | { readonly state: 'present'; readonly folder: string; readonly manifest: ImageManifest }
  | { readonly state: 'absent' | 'corrupt'; readonly folder: string; readonly problem: string };

export interface LookOptions {
  /** Whether the content of the files is compared with the manifest, too; it takes seconds. */
  readonly checksums: boolean;
  readonly signal?: AbortSignal;
}

/** Looks for an image in the folder: its manifest, and whether its files are the ones of the manifest. */
export async function lookAtImage(folder: string, options: LookOptions): Promise<ImageState> {
  const text = await textOf(join(folder, IMAGE_MANIFEST));
  if (text === undefined) {
    return { state: 'absent', folder, problem: `There is no ${IMAGE_MANIFEST} in ${folder}.` };
  }
  const manifest = parse(text);
  if (manifest === undefined) {
    const problem = `The ${IMAGE_MANIFEST} in ${folder} cannot be read by this version.`;
    return { state: 'corrupt', folder, problem };
  }
  for (const file of [manifest.kernel, manifest.initramfs, manifest.rootfs]) {
    const problem = await problemOf(folder, file, options);
    if (problem !== undefined) return { state: 'corrupt', folder, problem };
  }
  return { state: 'present', folder, manifest };
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): ImageManifest | undefined {
  try {
    return imageManifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What is wrong with a file of the image. */
async function problemOf(folder: string, file: ImageFile, options: LookOptions): Promise<string | undefined> {
  const path = join(folder, file.name);
  try {
    const { size } = await stat(path);
    if (size !== file.bytes) return `${path} has ${size} bytes instead of ${file.bytes}.`;
    if (!options.checksums || (await sha256(path, options.signal)) === file.sha256) return undefined;
    return `${path} is not what was built: its checksum is another one.`;
  } catch (error) {
    options.signal?.throwIfAborted();
    return `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`;
  }
}

async function sha256(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { ...(signal && { signal }) });
  return hash.digest('hex');
}
