/** Rows of `sky status`: REST and `-o json` have the same fields, REST leaves out the empty ones. */
import * as z from 'zod';
import type { SkyRecord, SkyRequest, SkyVerb } from './sky.ts';

const rowSchema = z.object({
  name: z.string(),
  status: z.enum(['INIT', 'UP', 'STOPPED', 'AUTOSTOPPING', 'PENDING']),
  launched_at: z.number().nullish(),
  autostop: z.number().nullish(),
  to_down: z.boolean().nullish(),
  cluster_hash: z.string().nullish(),
  cloud: z.string().nullish(),
  region: z.string().nullish(),
  zone: z.string().nullish(),
  resources_str_full: z.string().nullish(),
  resources_str: z.string().nullish(),
  last_event: z.string().nullish(),
  init_status_reason: z.string().nullish(),
});

/**
 * The cluster's row among others, without its address, which no row has. @returns undefined where there is none
 * @throws ZodError for a row that is not understood
 */
export function recordOf(name: string, rows: unknown): SkyRecord | undefined {
  const named = z.array(z.looseObject({ name: z.string() })).parse(rows);
  const found = named.find((row) => row.name === name);
  if (found === undefined) return undefined;
  const row = rowSchema.parse(found);
  const kind = row.resources_str_full ?? row.resources_str ?? '';
  return {
    name: row.name,
    status: row.status,
    launchedAt: row.launched_at ?? null,
    cloud: row.cloud ?? null,
    region: row.region ?? null,
    zone: row.zone ?? null,
    instanceType: instanceTypeOf(kind),
    ip: null,
    useSpot: /\[spot\]/i.test(kind),
    autostopMinutes: row.autostop === undefined || row.autostop === null || row.autostop < 0 ? null : row.autostop,
    toDown: row.to_down ?? false,
    hash: row.cluster_hash ?? null,
    lastEvent: row.last_event ?? row.init_status_reason ?? null,
  };
}

/**
 * The type in `1x(cpus=2, mem=8, m6i.large, disk=50)`: the part without `=`. Kubernetes and Slurm have none
 * (`sky/utils/resources_utils.py`, format_resource).
 */
function instanceTypeOf(resources: string): string | null {
  const inside = /\((.*)\)$/.exec(resources)?.[1] ?? '';
  const [type] = inside.split(', ').filter((part) => part !== '' && part !== '...' && !/[=:]/.test(part));
  return type ?? null;
}

const VERBS: Readonly<Record<string, SkyVerb>> = {
  'sky.launch': 'launch',
  'sky.start': 'start',
  'sky.stop': 'stop',
  'sky.down': 'down',
};

/** Requests that have not ended; a newer SkyPilot also waits (`WAITING`). */
const ACTIVE = new Set(['PENDING', 'WAITING', 'RUNNING']);

/** A row of `/api/status`, as far as it is told here. */
export interface RequestRow {
  readonly request_id: string;
  readonly name: string;
  readonly status: string;
  readonly cluster_name?: string | null | undefined;
}

export function isActive(row: RequestRow): boolean {
  return ACTIVE.has(row.status);
}

/** The verbs at work on a cluster; other requests, such as one for its status, are left out. */
export function activeOn(name: string, rows: readonly RequestRow[]): SkyRequest[] {
  return rows.flatMap((row) => {
    const verb = VERBS[row.name];
    return verb !== undefined && row.cluster_name === name && isActive(row) ? [{ id: row.request_id, verb }] : [];
  });
}

const requestRowSchema = z.object({
  request_id: z.string(),
  name: z.string(),
  status: z.string(),
  cluster_name: z.string().nullish(),
});

/** Rows of `sky api status -o json`. */
export function requestRows(value: unknown): RequestRow[] {
  return z.array(requestRowSchema).parse(value);
}
