/** `manifest.json` in IMAGES_DIR: what machines are made from, as images/build describes it. */
import * as z from 'zod/mini';

export const IMAGE_MANIFEST = 'manifest.json';

const fileSchema = z.object({
  /** Relative to the manifest. */
  name: z.string(),
  bytes: z.int(),
  sha256: z.string(),
});
export type ImageFile = z.infer<typeof fileSchema>;

export const imageManifestSchema = z.object({
  /** Of this format. */
  format: z.literal(1),
  /** Names the content: changes whenever any of the files does. */
  id: z.string(),
  /** Of Carapace. */
  version: z.string(),
  built_at: z.iso.datetime(),
  kernel: fileSchema,
  initramfs: fileSchema,
  rootfs: fileSchema,
  kernel_release: z.string(),
  debian: z.string(),
  node: z.string(),
  packages: z.array(z.string()),
});
export type ImageManifest = z.infer<typeof imageManifestSchema>;
