/** The bodies that Firecracker 1.17 takes, field by field as its published API description has them, and what it says of others. */
import * as z from 'zod';

const bucket = z.strictObject({
  size: z.int().min(0),
  refill_time: z.int().min(0),
  one_time_burst: z.int().min(0).optional(),
});
const limiter = z.strictObject({ bandwidth: bucket.optional(), ops: bucket.optional() });

const logger = z.strictObject({
  log_path: z.string().optional(),
  level: z
    .string()
    .regex(/^(error|warn|warning|info|debug|trace|off)$/i)
    .optional(),
  show_level: z.boolean().optional(),
  show_log_origin: z.boolean().optional(),
  module: z.string().optional(),
});
const serial = z.strictObject({ serial_out_path: z.string().optional(), rate_limiter: bucket.optional() });
const machineConfig = z.strictObject({
  vcpu_count: z.int().min(0).max(255),
  mem_size_mib: z.int().min(0),
  smt: z.boolean().optional(),
  cpu_template: z.enum(['C3', 'T2', 'T2S', 'T2CL', 'T2A', 'V1N1', 'None']).optional(),
  track_dirty_pages: z.boolean().optional(),
  huge_pages: z.enum(['None', 'Transparent', '2M']).optional(),
});
const bootSource = z.strictObject({
  kernel_image_path: z.string(),
  initrd_path: z.string().optional(),
  boot_args: z.string().optional(),
});
const drive = z.strictObject({
  drive_id: z.string(),
  is_root_device: z.boolean(),
  is_read_only: z.boolean().optional(),
  path_on_host: z.string().optional(),
  partuuid: z.string().optional(),
  cache_type: z.enum(['Unsafe', 'Writeback']).optional(),
  io_engine: z.enum(['Sync', 'Async']).optional(),
  rate_limiter: limiter.optional(),
  socket: z.string().optional(),
});
const networkInterface = z.strictObject({
  iface_id: z.string(),
  host_dev_name: z.string(),
  guest_mac: z
    .string()
    .regex(/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/)
    .optional(),
  mtu: z.int().min(68).max(65_535).optional(),
  rx_rate_limiter: limiter.optional(),
  tx_rate_limiter: limiter.optional(),
});
const balloon = z.strictObject({
  amount_mib: z.int().min(0),
  deflate_on_oom: z.boolean(),
  stats_polling_interval_s: z.int().min(0).max(65_535).optional(),
  free_page_hinting: z.boolean().optional(),
  free_page_reporting: z.boolean().optional(),
});
const vsock = z.strictObject({ guest_cid: z.int().min(3), uds_path: z.string(), vsock_id: z.string().optional() });
const snapshotCreate = z.strictObject({
  snapshot_path: z.string(),
  mem_file_path: z.string(),
  snapshot_type: z.enum(['Full', 'Diff']).optional(),
});
const snapshotLoad = z.strictObject({
  snapshot_path: z.string(),
  mem_file_path: z.string().optional(),
  mem_backend: z.strictObject({ backend_type: z.enum(['File', 'Uffd']), backend_path: z.string() }).optional(),
  enable_diff_snapshots: z.boolean().optional(),
  track_dirty_pages: z.boolean().optional(),
  resume_vm: z.boolean().optional(),
  network_overrides: z.array(z.strictObject({ iface_id: z.string(), host_dev_name: z.string() })).optional(),
  vsock_override: z.strictObject({ uds_path: z.string() }).optional(),
  clock_realtime: z.boolean().optional(),
});

/** By method and first part of the path. What seats never need (metadata, hotplug, pmem, CPU templates) is not played. */
export const BODIES = {
  'PUT /logger': logger,
  'PUT /serial': serial,
  'PUT /metrics': z.strictObject({ metrics_path: z.string() }),
  'PUT /machine-config': machineConfig,
  'PATCH /machine-config': machineConfig.partial(),
  'PUT /boot-source': bootSource,
  'PUT /drives': drive,
  'PATCH /drives': drive.pick({ drive_id: true, path_on_host: true, rate_limiter: true }),
  'PUT /network-interfaces': networkInterface,
  'PATCH /network-interfaces': networkInterface.pick({ iface_id: true, rx_rate_limiter: true, tx_rate_limiter: true }),
  'PUT /entropy': z.strictObject({ rate_limiter: limiter.optional() }),
  'PUT /balloon': balloon,
  'PATCH /balloon': balloon.pick({ amount_mib: true }),
  'PUT /vsock': vsock,
  'PUT /actions': z.strictObject({ action_type: z.enum(['FlushMetrics', 'InstanceStart', 'SendCtrlAltDel']) }),
  'PUT /snapshot/create': snapshotCreate,
  'PUT /snapshot/load': snapshotLoad,
  'PATCH /vm': z.strictObject({ state: z.enum(['Paused', 'Resumed']) }),
} as const;

export type Endpoint = keyof typeof BODIES;
export type BodyOf<E extends Endpoint> = z.infer<(typeof BODIES)[E]>;

export function isEndpoint(name: string): name is Endpoint {
  return name in BODIES;
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown field \`${issue.keys[0] ?? ''}\``;
  const field = String(issue.path.at(-1) ?? '');
  if (issue.code === 'invalid_type' && issue.input === undefined) return `missing field \`${field}\``;
  return `invalid value for \`${field}\`: ${issue.message}`;
}

/** What is wrong with the text of a body, as Firecracker says it; undefined where nothing is. */
export function bodyFault(endpoint: Endpoint, text: string): string | undefined {
  const said = (what: string): string =>
    `An error occurred when deserializing the json body of a request: ${what} at line 1 column ${text.length}.`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return said('expected value');
  }
  const parsed = BODIES[endpoint].safeParse(value, { reportInput: true });
  const [issue] = parsed.error?.issues ?? [];
  return issue === undefined ? undefined : said(describe(issue));
}
