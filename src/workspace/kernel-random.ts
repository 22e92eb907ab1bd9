/**
 * Random bytes from the kernel itself. Node takes its own from OpenSSL, whose state is part of a machine's memory: in all
 * machines that are copied from one snapshot it would give the same. Their kernels are given fresh entropy instead.
 */
import { closeSync, openSync, readSync } from 'node:fs';

const DEVICE = '/dev/urandom';

/** @throws the system's error where there is no such device */
export function kernelRandomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  const device = openSync(DEVICE, 'r');
  try {
    let filled = 0;
    while (filled < count) filled += readSync(device, bytes, filled, count - filled, null);
  } finally {
    closeSync(device);
  }
  return bytes;
}
