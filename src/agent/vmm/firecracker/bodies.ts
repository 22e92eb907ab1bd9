/**
 * What is asked of Firecracker over its socket, as its API of version 1.17 has it. An unknown field is refused, so no
 * type here has one that the API has not.
 */
import * as z from 'zod/mini';

/** So many tokens, filled again within `refill_time` ms; the burst is there once, at first. */
export interface TokenBucket {
  readonly size: number;
  readonly refill_time: number;
  readonly one_time_burst?: number;
}

export interface RateLimiter {
  /** In bytes. */
  readonly bandwidth?: TokenBucket;
  /** In operations, or packets. */
  readonly ops?: TokenBucket;
}

export interface LoggerBody {
  readonly log_path: string;
  readonly level: 'Error' | 'Warning' | 'Info' | 'Debug' | 'Trace' | 'Off';
}

/** What exceeds the limit is dropped. */
export interface SerialBody {
  readonly serial_out_path: string;
  readonly rate_limiter: TokenBucket;
}

export interface MachineConfigBody {
  readonly vcpu_count: number;
  readonly mem_size_mib: number;
  readonly smt: boolean;
}

export interface BootSourceBody {
  readonly kernel_image_path: string;
  readonly initrd_path?: string;
  readonly boot_args: string;
}

export interface DriveBody {
  readonly drive_id: string;
  readonly path_on_host: string;
  readonly is_root_device: boolean;
  readonly is_read_only: boolean;
  readonly cache_type: 'Unsafe' | 'Writeback';
  readonly io_engine: 'Sync' | 'Async';
  readonly rate_limiter?: RateLimiter;
}

export interface NetworkInterfaceBody {
  readonly iface_id: string;
  readonly guest_mac: string;
  readonly host_dev_name: string;
  readonly rx_rate_limiter?: RateLimiter;
  readonly tx_rate_limiter?: RateLimiter;
}

export type EntropyBody = Readonly<Record<string, never>>;

export interface BalloonBody {
  readonly amount_mib: number;
  readonly deflate_on_oom: boolean;
  readonly stats_polling_interval_s: number;
}

export interface VsockBody {
  readonly guest_cid: number;
  readonly uds_path: string;
}

export interface SnapshotCreateBody {
  readonly snapshot_type: 'Full';
  readonly snapshot_path: string;
  readonly mem_file_path: string;
}

export interface SnapshotLoadBody {
  readonly snapshot_path: string;
  readonly mem_backend: { readonly backend_type: 'File'; readonly backend_path: string };
  readonly network_overrides: readonly { readonly iface_id: string; readonly host_dev_name: string }[];
  readonly resume_vm: boolean;
}

interface Put<Path extends string, Body> {
  readonly method: 'PUT';
  readonly path: Path;
  readonly body: Body;
}

/** Everything that this program ever asks for; each is answered by 204 without a body. */
export type ApiRequest =
  | Put<'/logger', LoggerBody>
  | Put<'/serial', SerialBody>
  | Put<'/machine-config', MachineConfigBody>
  | Put<'/boot-source', BootSourceBody>
  | Put<`/drives/${string}`, DriveBody>
  | Put<`/network-interfaces/${string}`, NetworkInterfaceBody>
  | Put<'/entropy', EntropyBody>
  | Put<'/balloon', BalloonBody>
  | Put<'/vsock', VsockBody>
  | Put<'/actions', { readonly action_type: 'InstanceStart' }>
  | Put<'/snapshot/create', SnapshotCreateBody>
  | Put<'/snapshot/load', SnapshotLoadBody>
  | { readonly method: 'PATCH'; readonly path: '/vm'; readonly body: { readonly state: 'Paused' | 'Resumed' } };

/** The answer to `GET /`. */
export const instanceInfoSchema = z.object({
  id: z.string(),
  state: z.enum(['Not started', 'Running', 'Paused']),
  vmm_version: z.string(),
});
export type InstanceInfo = z.infer<typeof instanceInfoSchema>;

/** What comes with a status of 400 and above. */
export const faultSchema = z.object({ fault_message: z.string() });
