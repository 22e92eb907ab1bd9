/** What a machine may have, for the choice of a runtime and what is said of it. */
import type { ImageManifest } from '../../../../src/protocol/image.ts';
import {
  MACHINE_PROGRAMS,
  type MachineFacts,
  type MachineProgram,
} from '../../../../src/provisioning/workers/local/machine-facts.ts';

const FILE = { name: 'file', bytes: 1, sha256: '0' };

export const MANIFEST: ImageManifest = {
  format: 1,
  id: 'image-1',
  version: '0.1.0',
  built_at: '2026-03-04T10:00:00Z',
  kernel: { ...FILE, name: 'vmlinuz' },
  initramfs: { ...FILE, name: 'initramfs' },
  rootfs: { ...FILE, name: 'rootfs.ext4' },
  kernel_release: '6.1.0-1-cloud-amd64',
  debian: '12.1',
  node: '24.1.0',
  packages: [],
};

/** All programs but these. */
export function programsBut(...absent: MachineProgram[]): MachineFacts['programs'] {
  const there = MACHINE_PROGRAMS.filter((name) => !absent.includes(name));
  return Object.fromEntries(there.map((name) => [name, `/usr/sbin/${name}`]));
}

/** A machine that has everything, changed. */
export function machine(change: Partial<MachineFacts> = {}): MachineFacts {
  return {
    platform: 'linux x64',
    privileges: 'full',
    programs: programsBut(),
    hasTun: true,
    image: { state: 'present', folder: '/images', manifest: MANIFEST },
    kvm: 'works',
    ...change,
  };
}

const NONE = { folder: '/images', problem: 'There is no manifest.json in /images.' };

export const NO_IMAGE: MachineFacts['image'] = { state: 'absent', ...NONE };
export const CORRUPT_IMAGE: MachineFacts['image'] = { state: 'corrupt', ...NONE };
