/** The requests that start, copy and freeze a machine, in the only order that Firecracker takes them. */
import type { SeatLink } from '../../network/seat-network.ts';
import type { MachineSize } from '../machine/hypervisor.ts';
import type { ApiRequest, DriveBody } from './bodies.ts';
import { NAMES } from './files.ts';
import { CONSOLE_RATE, DISK_RATE, NETWORK_RATE } from './rates.ts';
import { checkSize } from './rules.ts';

const INTERFACE = 'eth0';

/** The first number that is free for machines; each machine has a vsock of its own, so all can have the same. */
const GUEST_CID = 3;

/**
 * Firecracker's own defaults without `nomodule`, for Debian's kernel has its drivers as modules; with a console, on
 * which the machine's init tells what failed; and a panic ends the machine at once.
 */
export const KERNEL_ARGUMENTS = [
  'console=ttyS0',
  '8250.nr_uarts=1',
  'reboot=k',
  'panic=-1',
  'quiet',
  'loglevel=1',
  'i8042.noaux',
  'i8042.nomux',
  'i8042.dumbkbd',
  'swiotlb=noforce',
].join(' ');

/** Logs and console; also before a snapshot is loaded, which does not bring its own. */
function outputs(): ApiRequest[] {
  return [
    { method: 'PUT', path: '/logger', body: { log_path: NAMES.log, level: 'Error' } },
    { method: 'PUT', path: '/serial', body: { serial_out_path: NAMES.console, rate_limiter: CONSOLE_RATE } },
  ];
}

function drive(id: string, path: string, isReadOnly: boolean): ApiRequest {
  const body: DriveBody = {
    drive_id: id,
    path_on_host: path,
    // The initramfs mounts by the order of the drives; "root device" only puts it first.
    is_root_device: isReadOnly,
    is_read_only: isReadOnly,
    // A kept disk must survive the worker's own crash; the image is never written.
    cache_type: isReadOnly ? 'Unsafe' : 'Writeback',
    io_engine: 'Sync',
    rate_limiter: DISK_RATE,
  };
  return { method: 'PUT', path: `/drives/${id}`, body };
}

/** Starts a machine of this size from its files. */
export function bootRequests(size: MachineSize, link: SeatLink): ApiRequest[] {
  const { vcpus, memoryMb } = checkSize(size);
  return [
    ...outputs(),
    { method: 'PUT', path: '/machine-config', body: { vcpu_count: vcpus, mem_size_mib: memoryMb, smt: false } },
    {
      method: 'PUT',
      path: '/boot-source',
      body: { kernel_image_path: NAMES.kernel, initrd_path: NAMES.initramfs, boot_args: KERNEL_ARGUMENTS },
    },
    drive('rootfs', NAMES.rootfs, true),
    drive('disk', NAMES.disk, false),
    {
      method: 'PUT',
      path: `/network-interfaces/${INTERFACE}`,
      body: {
        iface_id: INTERFACE,
        guest_mac: link.mac,
        host_dev_name: link.tap,
        rx_rate_limiter: NETWORK_RATE,
        tx_rate_limiter: NETWORK_RATE,
      },
    },
    { method: 'PUT', path: '/entropy', body: {} },
    { method: 'PUT', path: '/balloon', body: { amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 0 } },
    { method: 'PUT', path: '/vsock', body: { guest_cid: GUEST_CID, uds_path: NAMES.vsock } },
    { method: 'PUT', path: '/actions', body: { action_type: 'InstanceStart' } },
  ];
}

/** Starts a copy of a snapshot in a fresh process. */
export function restoreRequests(link: SeatLink): ApiRequest[] {
  return [
    ...outputs(),
    {
      method: 'PUT',
      path: '/snapshot/load',
      body: {
        snapshot_path: NAMES.state,
        mem_backend: { backend_type: 'File', backend_path: NAMES.memory },
        network_overrides: [{ iface_id: INTERFACE, host_dev_name: link.tap }],
        resume_vm: true,
      },
    },
  ];
}

/** Pauses a machine and writes it down, beside whatever it was restored from. */
export function snapshotRequests(): ApiRequest[] {
  return [
    { method: 'PATCH', path: '/vm', body: { state: 'Paused' } },
    {
      method: 'PUT',
      path: '/snapshot/create',
      body: { snapshot_type: 'Full', snapshot_path: NAMES.newState, mem_file_path: NAMES.newMemory },
    },
  ];
}

export function resumeRequest(): ApiRequest {
  return { method: 'PATCH', path: '/vm', body: { state: 'Resumed' } };
}
