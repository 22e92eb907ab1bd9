/** What a template is on disk: a disk, the hypervisor's own files, and a marker that is written when all of it is there. */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { writeFileAtomic } from '../../../lib/atomic-file.ts';
import type { MachineSize, Template } from './hypervisor.ts';

/** What a template fits: machines of the same image and size, on the same program and processor, until the worker restarts. */
export interface TemplateFit {
  readonly image: string;
  readonly size: MachineSize;
  readonly fingerprint: string;
}

/** A template that is complete: {@link Template.folder} is the hypervisor's own part of it. */
export interface ReadyTemplate extends Template {
  readonly name: string;
  readonly disk: string;
}

const markerSchema = z.object({
  image: z.string(),
  fingerprint: z.string(),
  /** Of the worker: what was written shortly before it lost its power is not on the disk. */
  boot: z.string(),
  made_at: z.iso.datetime(),
  /** The size of every file, by its path in the template's folder. */
  files: z.record(z.string(), z.int()),
});
type Marker = z.infer<typeof markerSchema>;

const MARKER = 'complete.json';
const SNAPSHOT = 'snapshot';
const HASH_LENGTH = 12;

function hashOf(fit: TemplateFit): string {
  return createHash('sha256').update(`${fit.image}\n${fit.fingerprint}`).digest('hex').slice(0, HASH_LENGTH);
}

/** `1-512-2048-0123456789ab`: processors, memory, disk, and a hash of image and fingerprint. */
export function templateName(fit: TemplateFit): string {
  const { vcpus, memoryMb, diskMb } = fit.size;
  return `${vcpus}-${memoryMb}-${diskMb}-${hashOf(fit)}`;
}

/** Whether a template of this name was made from the same image by the same program; it may have another size. */
export function isOfSameKind(name: string, fit: TemplateFit): boolean {
  return name.endsWith(`-${hashOf(fit)}`);
}

export function snapshotFolder(folder: string): string {
  return join(folder, SNAPSHOT);
}

function templateDisk(folder: string): string {
  return join(folder, 'disk.raw');
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

async function fileSizes(folder: string): Promise<Record<string, number>> {
  const names = (await readdir(snapshotFolder(folder))).map((name) => join(SNAPSHOT, name));
  const all = [...names, 'disk.raw'];
  const sizes = all.map(async (name): Promise<[string, number]> => [name, (await stat(join(folder, name))).size]);
  return Object.fromEntries(await Promise.all(sizes));
}

/** Marks a template as complete: the last step of making it. */
export async function writeMarker(folder: string, fit: TemplateFit): Promise<void> {
  const marker: Marker = {
    image: fit.image,
    fingerprint: fit.fingerprint,
    boot: await bootId(),
    made_at: new Date().toISOString(),
    files: await fileSizes(folder),
  };
  await writeFileAtomic(join(folder, MARKER), `${JSON.stringify(marker, undefined, 2)}\n`);
}

async function readMarker(folder: string): Promise<Marker | undefined> {
  try {
    return markerSchema.parse(JSON.parse(await readFile(join(folder, MARKER), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function isComplete(folder: string): Promise<boolean> {
  return (await readMarker(folder)) !== undefined;
}

/** Why the template in a folder cannot be used; undefined where it can. */
export async function findFault(folder: string, fit: TemplateFit): Promise<string | undefined> {
  const marker = await readMarker(folder);
  if (marker === undefined) return 'it is not complete';
  if (marker.image !== fit.image) return 'it was made from another image';
  if (marker.fingerprint !== fit.fingerprint) return 'it was made by another program or on another processor';
  if (marker.boot !== (await bootId())) return 'the worker has been restarted since it was made';
  for (const [name, size] of Object.entries(marker.files)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.size !== size) return `its file ${name} is missing or has another size`;
  }
  return undefined;
}

export function readyTemplate(folder: string, name: string): ReadyTemplate {
  return { name, folder: snapshotFolder(folder), disk: templateDisk(folder) };
}

/** Removes a template, its marker first, so that no half of it is ever taken for a whole one. */
export async function removeTemplate(folder: string): Promise<void> {
  await rm(join(folder, MARKER), { force: true });
  await rm(folder, { recursive: true, force: true });
}
