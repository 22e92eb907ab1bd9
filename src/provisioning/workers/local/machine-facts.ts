/** What this machine has of what seats can be made from: looked at, not judged. */
import { existsSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../../lib/find-program.ts';
import { KVM_DEVICE, kvmDevice, tryKvm, type KvmState, type KvmTrial } from '../../../lib/kvm.ts';
import { imagesFolder, lookAtImage, type ImageState } from '../../../lib/machine-image.ts';

/** Programs of the system that machines need. */
export const MACHINE_PROGRAMS = [
  'qemu-system-x86_64',
  'firecracker',
  'ip',
  'tc',
  'nft',
  'nsenter',
  'setpriv',
  'sysctl',
  'mke2fs',
] as const;
export type MachineProgram = (typeof MACHINE_PROGRAMS)[number];

/** `restricted`: root of a container that may not make networks and namespaces. */
export type Privileges = 'none' | 'restricted' | 'full';

export interface MachineFacts {
  /** Such as `linux x64`. */
  readonly platform: string;
  readonly privileges: Privileges;
  /** Where each program is, as far as it is there. */
  readonly programs: Readonly<Partial<Record<MachineProgram, string>>>;
  /** Whether there is a device by which networks reach machines. */
  readonly hasTun: boolean;
  readonly image: ImageState;
  readonly kvm: KvmState;
}

export interface LookOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** Whether the image's content is compared with its checksums, which takes seconds. */
  readonly checksums?: boolean;
  /** `always`: KVM is tried where it can be; `firecracker`: only where Firecracker hangs on it. */
  readonly kvm?: 'always' | 'firecracker';
}

/** Looks at this machine. */
export async function lookAtMachine(signal: AbortSignal, options: LookOptions = {}): Promise<MachineFacts> {
  const { environment = process.env, checksums = false, kvm = 'firecracker' } = options;
  const found = MACHINE_PROGRAMS.map((name) => [name, findProgram(name, environment)] as const);
  const programs: MachineFacts['programs'] = Object.fromEntries(found.filter(([, path]) => path !== undefined));
  const image = await lookAtImage(imagesFolder(environment), { checksums, signal });
  const device = kvmDevice();
  const trial = kvm === 'always' || programs.firecracker !== undefined ? trialOf(programs, image) : undefined;
  const isToTry = device === 'unproven' && trial !== undefined;
  return {
    platform: `${process.platform} ${process.arch}`,
    privileges: privileges(),
    programs,
    hasTun: existsSync('/dev/net/tun'),
    image,
    kvm: isToTry ? await provenKvm(trial, signal) : device,
  };
}

/** CAP_NET_ADMIN and CAP_SYS_ADMIN, by their bits in capabilities(7). */
const NEEDED_CAPABILITIES = (1n << 12n) | (1n << 21n);

function privileges(): Privileges {
  if (process.geteuid?.() !== 0) return 'none';
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
    return (BigInt(`0x${effective}`) & NEEDED_CAPABILITIES) === NEEDED_CAPABILITIES ? 'full' : 'restricted';
  } catch {
    return 'restricted';
  }
}

/** What KVM can be tried with. Firecracker's own word counts more for Firecracker. */
function trialOf(programs: MachineFacts['programs'], image: ImageState): KvmTrial | undefined {
  const program = programs.firecracker === undefined ? 'qemu' : 'firecracker';
  const path = programs.firecracker ?? programs['qemu-system-x86_64'];
  if (path === undefined || image.state !== 'present') return undefined;
  return { program, path, kernel: join(image.folder, image.manifest.kernel.name) };
}

/** What was found out by a trial holds until the device, the program or the kernel is another one. */
const proven = new Map<string, Promise<boolean>>();

async function provenKvm(trial: KvmTrial, signal: AbortSignal): Promise<KvmState> {
  const key = await keyOf(trial);
  let result = proven.get(key);
  if (result === undefined) {
    result = tryKvm(trial, signal);
    proven.set(key, result);
    // A trial that was given up proves nothing.
    result.catch(() => proven.delete(key));
  }
  return (await result) ? 'works' : 'broken';
}

async function keyOf(trial: KvmTrial): Promise<string> {
  const stats = await Promise.all([KVM_DEVICE, trial.path, trial.kernel].map((path) => stat(path)));
  return stats.map(({ dev, ino, ctimeMs }) => [dev, ino, ctimeMs].join(':')).join(' ');
}
