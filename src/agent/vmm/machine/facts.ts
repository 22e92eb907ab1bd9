/** What `/info` tells of seats that are machines. */
import { BRIDGE } from '../../network/seat-network.ts';
import type { DriverFacts } from '../driver.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { ImageManifest } from './image.ts';
import { defaultSize } from './sizes.ts';

/** @param manifest undefined until the image was found */
export function versionsOf(manifest: ImageManifest | undefined, hypervisor: Hypervisor): Record<string, string> {
  const ofImage =
    manifest === undefined
      ? {}
      : { image: manifest.version, kernel: manifest.kernel_release, debian: manifest.debian, seat_node: manifest.node };
  return { node: process.versions.node, ...ofImage, ...hypervisor.versions() };
}

/** @param manifest undefined until the image was found */
export function factsOf(manifest: ImageManifest | undefined, accelerated: boolean): DriverFacts {
  const { vcpus, memoryMb, diskMb } = defaultSize(accelerated);
  return {
    images: manifest === undefined ? [] : [manifest.id],
    bridge: BRIDGE.name,
    limits: { vcpus, memory_mb: memoryMb, disk_mb: diskMb },
  };
}
