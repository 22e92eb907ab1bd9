/** Seats' namespaces, a small image and machine specifications for the tests of Firecracker; made and removed by the test. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { addressOf, GUEST, type SeatLink } from '../../../src/agent/network/seat-network.ts';
import type { MachineSpec, Template } from '../../../src/agent/vmm/machine/hypervisor.ts';
import type { MachineImage } from '../../../src/agent/vmm/machine/image.ts';
import { processesNaming } from '../../support/processes.ts';

const MIB = 1024 * 1024;
const SIZE = { vcpus: 1, memoryMb: 32, diskMb: 4 } as const;

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A folder of its own with everything in it, and namespaces `fc-<slot>`, which only this test's namespace knows. */
export class Bench {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-firecracker-')));
  readonly image: MachineImage;
  readonly #slots = new Set<number>();

  constructor() {
    const images = join(this.folder, 'images');
    mkdirSync(images);
    for (const name of ['kernel', 'initramfs', 'rootfs.ext4']) writeFileSync(join(images, name), name, { mode: 0o644 });
    const file = { name: 'kernel', bytes: 6, sha256: '' };
    this.image = {
      folder: images,
      manifest: {
        format: 1,
        id: 'test',
        version: '0',
        built_at: '2026-01-01T00:00:00Z',
        kernel: file,
        initramfs: file,
        rootfs: file,
        kernel_release: '6.1',
        debian: '12',
        node: '24',
        packages: [],
      },
      kernel: join(images, 'kernel'),
      initramfs: join(images, 'initramfs'),
      rootfs: join(images, 'rootfs.ext4'),
    };
  }

  /** The namespace of a slot, with its TAP device. */
  link(slot: number): SeatLink {
    const namespace = `fc-${slot}`;
    if (!this.#slots.has(slot)) {
      this.#slots.add(slot);
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'tuntap', 'add', 'dev', GUEST.tap, 'mode', 'tap');
      ip('-n', namespace, 'link', 'set', GUEST.tap, 'up');
    }
    return { slot, ip: addressOf(slot), namespace: `/run/netns/${namespace}`, tap: GUEST.tap, mac: GUEST.mac };
  }

  removeTap(slot: number): void {
    ip('-n', `fc-${slot}`, 'link', 'delete', GUEST.tap);
    this.#slots.delete(slot);
    ip('netns', 'delete', `fc-${slot}`);
  }

  /** A machine's folders and disk, fresh. */
  spec(slot: number): MachineSpec {
    const name = `seat-${slot}`;
    const folder = join(this.folder, 'run', name);
    const state = join(this.folder, 'state', name);
    for (const place of [folder, state]) mkdirSync(place, { recursive: true, mode: 0o700 });
    const disk = join(state, 'disk.raw');
    writeFileSync(disk, 'a disk', { mode: 0o600 });
    truncateSync(disk, SIZE.diskMb * MIB);
    const confinement = { wrap: (command: readonly [string, ...string[]]) => command };
    return { name, folder, image: this.image, size: SIZE, disk, link: this.link(slot), confinement };
  }

  template(): Template {
    const folder = join(this.folder, 'template');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return { folder };
  }

  /** What is left of a machine beside its disk. */
  leftovers(spec: MachineSpec): string[] {
    const files = [...readdirSync(spec.folder), ...readdirSync(join(spec.disk, '..'))].filter(
      (name) => name !== 'disk.raw',
    );
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(this.folder));
    const namespace = execFileSync('ip', ['netns', 'pids', basename(spec.link.namespace)], { encoding: 'utf8' }).trim();
    const processes = processesNaming(spec.folder).map(({ command }) => command);
    return [...files, ...mounts, ...processes, ...(namespace === '' ? [] : [`processes ${namespace}`])];
  }

  dispose(): void {
    for (const slot of this.#slots) ip('netns', 'delete', `fc-${slot}`);
    const left = processesNaming(this.folder);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
    assert.deepEqual(left, []);
  }
}
