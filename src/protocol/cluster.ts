/** The one cloud server, as the control plane tells it, and what can be asked of it. */
import * as z from 'zod/mini';
import { errorInfoSchema } from './errors.ts';
import { timeSchema } from './names.ts';

export const DEFAULT_CLUSTER_NAME = 'carapace-node';

/** Operations on the cluster exclude each other under this name, and events tell it as their subject. */
export const CLUSTER_SUBJECT = 'cluster';

export const CLUSTER_STATUSES = [
  'no_server',
  'provisioning',
  'running',
  'stopping',
  'stopped',
  'destroying',
  'error',
] as const;
export const clusterStatusSchema = z.enum(CLUSTER_STATUSES);
export type ClusterStatus = z.infer<typeof clusterStatusSchema>;

/** 3 to 63 lowercase letters, digits and hyphens; SkyPilot wants a letter first and no hyphen last. */
export const clusterNameSchema = z
  .string({ error: 'a name is text' })
  .check(z.regex(/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/, '3 to 63 lowercase letters, digits and hyphens, a letter first'));

/** A number of cores or of GiB, `+` for at least. */
const amountSchema = z.string().check(z.regex(/^[1-9]\d{0,3}\+?$/, 'a number such as 4, or 4+ for at least 4'));

/** A word of SkyPilot: a cloud, a region, an instance type. */
const wordSchema = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, dots and hyphens'));

const pathSchema = z.string().check(
  z.startsWith('/', 'an absolute path'),
  z.refine((path) => !path.includes('\0'), 'a path has no NUL'),
  z.maxLength(4096, 'a path has at most 4096 characters'),
);

export const VAULTS = ['public', 'private'] as const;
export const vaultNameSchema = z.enum(VAULTS);
export type VaultName = z.infer<typeof vaultNameSchema>;

/** Where the vaults are on the server. */
export const REMOTE_DATA_FOLDER = '/opt/carapace/data';

/** Folders of this machine, absolute; a vault that is absent is not mounted. */
export const vaultPathsSchema = z.strictObject({ public: z.optional(pathSchema), private: z.optional(pathSchema) });
export type VaultPaths = z.infer<typeof vaultPathsSchema>;

export const DISK_GB = { min: 10, max: 16_384 } as const;
/** Idle minutes before the server stops by itself; 0 for never. */
export const AUTOSTOP_MINUTES = { min: 0, max: 10_080 } as const;

/** What a server is to be. `null` and absence leave the choice to SkyPilot; see {@link CLUSTER_DEFAULTS}. */
export const launchClusterSchema = z.strictObject({
  name: z.optional(clusterNameSchema),
  cloud: z.optional(z.nullable(wordSchema)),
  region: z.optional(z.nullable(wordSchema)),
  instance_type: z.optional(z.nullable(wordSchema)),
  cpus: z.optional(amountSchema),
  memory: z.optional(amountSchema),
  /** GB. */
  disk_size: z.optional(z.int().check(z.minimum(DISK_GB.min), z.maximum(DISK_GB.max))),
  use_spot: z.optional(z.boolean()),
  autostop_minutes: z.optional(z.int().check(z.minimum(AUTOSTOP_MINUTES.min), z.maximum(AUTOSTOP_MINUTES.max))),
  vaults: z.optional(vaultPathsSchema),
  /** Where the `sky` command is; absent: on the login shell's PATH. */
  sky_path: z.optional(pathSchema),
});
export type LaunchCluster = z.infer<typeof launchClusterSchema>;

export const CLUSTER_DEFAULTS = {
  name: DEFAULT_CLUSTER_NAME,
  cpus: '4+',
  memory: '16+',
  disk_size: 100,
  use_spot: false,
  autostop_minutes: 30,
} as const;

/**
 * What happens to files that were changed on the server since the last sync: `refuse` the request with the list of them,
 * `keep` them by copying them into the vault first (beside a file that was changed here, too, with the ending
 * `.from-server`), or `discard` them.
 */
export const serverChangesSchema = z.enum(['refuse', 'keep', 'discard']);
export type ServerChanges = z.infer<typeof serverChangesSchema>;

/** Stop and destroy. */
export const endClusterSchema = z.strictObject({ server_changes: z.optional(serverChangesSchema) });
export type EndCluster = z.infer<typeof endClusterSchema>;

/** `deletions`: whether what was removed here is removed on the server, too. */
export const syncClusterSchema = z.strictObject({
  server_changes: z.optional(serverChangesSchema),
  deletions: z.optional(z.enum(['keep', 'remove'])),
});
export type SyncCluster = z.infer<typeof syncClusterSchema>;

export const autostopRequestSchema = z.strictObject({
  minutes: z.int().check(z.minimum(AUTOSTOP_MINUTES.min), z.maximum(AUTOSTOP_MINUTES.max)),
});

/** Somebody works with the server: an editor tells it, at most once a minute. */
export const activityRequestSchema = z.strictObject({ kind: z.enum(['typing', 'saving', 'terminal', 'command']) });
export type ActivityKind = z.infer<typeof activityRequestSchema>['kind'];

/**
 * The cluster. `launched_at` is in Unix seconds; prices are in dollars. `billed` says what costs money now: the machine and
 * its disk, the disk alone, nothing, or that it cannot be known. `note` is a sentence on what happened behind our back
 * (autostop, preemption, a deletion elsewhere). `stops_at` is when it will be stopped because nobody works with it.
 * `observed_at` is when SkyPilot was last heard, `unreachable` why it was not since.
 */
export const clusterSchema = z.object({
  name: z.string(),
  status: clusterStatusSchema,
  cloud: z.nullable(z.string()),
  region: z.nullable(z.string()),
  ip: z.nullable(z.string()),
  launched_at: z.nullable(z.number()),
  error: z.nullable(errorInfoSchema),
  instance_type: z.nullable(z.string()),
  price_per_hour: z.nullable(z.number()),
  disk_price_per_hour: z.nullable(z.number()),
  cost: z.nullable(z.number()),
  autostop_minutes: z.nullable(z.number()),
  use_spot: z.boolean(),
  ssh_host: z.nullable(z.string()),
  billed: z.enum(['machine', 'disk', 'nothing', 'unknown']),
  note: z.nullable(z.string()),
  stops_at: z.nullable(timeSchema),
  vaults: z.object({ public: z.nullable(z.string()), private: z.nullable(z.string()) }),
  synced_at: z.nullable(timeSchema),
  observed_at: z.nullable(timeSchema),
  unreachable: z.nullable(z.string()),
});
export type Cluster = z.infer<typeof clusterSchema>;
export const clusterAnswerSchema = z.object({ cluster: clusterSchema });

/**
 * Whether SkyPilot can be used. `reason` says in a sentence why not; `install_command` is the command that installs it on
 * this machine, null where it is there and new enough.
 */
export const clusterCheckSchema = z.object({
  sky_installed: z.boolean(),
  sky_version: z.nullable(z.string()),
  enabled_clouds: z.array(z.string()),
  disabled_clouds: z.record(z.string(), z.string()),
  reason: z.nullable(z.string()),
  install_command: z.nullable(z.string()),
});
export type ClusterCheck = z.infer<typeof clusterCheckSchema>;

/** A kind of machine that a cloud rents out; prices per hour in dollars, null where there is no such offer. */
export const offerSchema = z.object({
  cloud: z.string(),
  region: z.string(),
  instance_type: z.string(),
  cpus: z.number(),
  memory_gb: z.number(),
  price_per_hour: z.nullable(z.number()),
  spot_price_per_hour: z.nullable(z.number()),
});
export type Offer = z.infer<typeof offerSchema>;
export const offersAnswerSchema = z.object({ offers: z.array(offerSchema) });

/** Files by their path in the vault; long lists are cut at {@link MAX_LISTED_FILES}, the counts are whole. */
export const MAX_LISTED_FILES = 100;
export const fileListSchema = z.object({ count: z.number(), files: z.array(z.string()) });
export type FileList = z.infer<typeof fileListSchema>;

/**
 * A vault as it is on this machine. `added`, `changed` and `removed` are since the last sync, all null where there was none;
 * `ignored` are files that a `.gitignore` names and that are mounted all the same; `secrets` are files of the public vault that look like keys or
 * passwords. `problem` says in a sentence why the vault cannot be mounted.
 */
export const vaultReportSchema = z.object({
  vault: vaultNameSchema,
  path: z.string(),
  file_count: z.number(),
  bytes: z.number(),
  added: z.nullable(fileListSchema),
  changed: z.nullable(fileListSchema),
  removed: z.nullable(fileListSchema),
  ignored: fileListSchema,
  /** Files that a `.skyignore` of the person keeps from being mounted; absent where there are none. They count nowhere else. */
  excluded: z.optional(fileListSchema),
  secrets: fileListSchema,
  problem: z.nullable(z.string()),
  synced_at: z.nullable(timeSchema),
});
export type VaultReport = z.infer<typeof vaultReportSchema>;

/** Vaults to look at; without paths those that the cluster was launched with. */
export const inspectVaultsSchema = z.strictObject({ vaults: z.optional(vaultPathsSchema) });
export const vaultReportsAnswerSchema = z.object({ vaults: z.array(vaultReportSchema) });

/** A file that was changed on the server since the last sync. */
export const serverChangeSchema = z.object({
  vault: vaultNameSchema,
  path: z.string(),
  change: z.enum(['added', 'changed', 'removed']),
  /** It was changed on this machine, too. */
  conflict: z.boolean(),
});
export type ServerChange = z.infer<typeof serverChangeSchema>;

/** The details of the ConflictError with which `server_changes: "refuse"` is answered; null where nobody can look. */
export const serverChangesDetailsSchema = z.object({ server_changes: z.nullable(z.array(serverChangeSchema)) });

/** What a launch would do, before anything is made. `warnings` are sentences. */
export const launchPlanSchema = z.object({
  offer: z.nullable(offerSchema),
  price_per_hour: z.nullable(z.number()),
  disk_price_per_hour: z.nullable(z.number()),
  vaults: z.array(vaultReportSchema),
  warnings: z.array(z.string()),
});
export type LaunchPlan = z.infer<typeof launchPlanSchema>;
