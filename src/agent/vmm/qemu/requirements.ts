/** What must be there before a machine can be made: programs, rights, devices, the files of the image. */
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { MachineImage } from '../machine/image.ts';

/** The programs that start a machine, with the Debian packages that they are in. */
const PACKAGES = { 'qemu-system-x86_64': 'qemu-system-x86', setpriv: 'util-linux', nsenter: 'util-linux' } as const;

export type Program = keyof typeof PACKAGES;

/** Where programs are found, also by an agent whose own PATH is a plain user's. */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

async function isAccessible(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** The absolute path of a program; undefined where there is none. */
export async function findProgram(
  program: Program,
  path = process.env['PATH'] ?? '',
  folders = FOLDERS,
): Promise<string | undefined> {
  const all = [...path.split(delimiter).filter((folder) => folder.startsWith('/')), ...folders];
  for (const folder of all) {
    const file = join(folder, program);
    if (await isAccessible(file, constants.X_OK)) return file;
  }
  return undefined;
}

/** Why a file of the image cannot be used; undefined where it can. Its content is the image's own to check. */
async function faultOf(path: string, bytes: number): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return `the image's file ${path} is missing: build the image with images/build`;
  if (found.size === bytes) return undefined;
  return `the image's file ${path} has ${found.size} bytes instead of ${bytes}: build the image again with images/build`;
}

/** What is wrong with the files of the image, each as part of a sentence. */
export async function imageFaults(image: MachineImage): Promise<string[]> {
  const { manifest } = image;
  const faults = await Promise.all([
    faultOf(image.kernel, manifest.kernel.bytes),
    faultOf(image.initramfs, manifest.initramfs.bytes),
    faultOf(image.rootfs, manifest.rootfs.bytes),
  ]);
  return faults.filter((fault) => fault !== undefined);
}

/** What is missing on this worker, each as part of a sentence. */
export async function workerFaults(): Promise<string[]> {
  const faults: string[] = [];
  if (process.platform !== 'linux' || process.arch !== 'x64') faults.push('machines need Linux on an x86-64 processor');
  if (process.getuid?.() !== 0) faults.push('the agent must run as root');
  for (const [program, debianPackage] of Object.entries(PACKAGES) as [Program, string][]) {
    if ((await findProgram(program)) !== undefined) continue;
    faults.push(`the program ${program} is missing: apt-get install ${debianPackage}`);
  }
  if (!(await isAccessible('/dev/net/tun', constants.R_OK | constants.W_OK))) {
    faults.push('/dev/net/tun is missing or closed: modprobe tun');
  }
  return faults;
}

/** @throws UnavailableError naming every fault */
export function requireParts(failed: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new UnavailableError(`${failed}: ${faults.join('; ')}.`, { missing: faults });
}
