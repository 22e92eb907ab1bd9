/** What may be asked of the cluster in each state. Pure; what the cluster becomes by itself is in derive.ts. */
import type { CLUSTER_SUBJECT } from '../../protocol/cluster.ts';
import { type ClusterStatus } from '../../protocol/cluster.ts';
import {
  AlreadyRunningError,
  ConflictError,
  NotFoundError,
  NotRunningError,
  type CarapaceError,
} from '../../protocol/errors.ts';

/** What people ask of the cluster. */
export const CLUSTER_VERBS = ['launch', 'start', 'stop', 'destroy', 'sync', 'autostop', 'ssh'] as const;
export type ClusterVerb = (typeof CLUSTER_VERBS)[number];

const PERMITTED: Readonly<Record<ClusterVerb, readonly ClusterStatus[]>> = {
  launch: ['no_server', 'error'],
  start: ['stopped'],
  stop: ['running'],
  destroy: ['running', 'stopped', 'error'],
  sync: ['running'],
  autostop: ['running'],
  ssh: ['running'],
};

/** Those that may be tried again in the error that they left. */
const TRIED_AGAIN: readonly ClusterVerb[] = ['start', 'stop'];

const WANTED: Readonly<Record<ClusterVerb, string>> = {
  launch: 'be launched',
  start: 'be started',
  stop: 'be stopped',
  destroy: 'be destroyed',
  sync: 'be synced',
  autostop: 'have its autostop changed',
  ssh: 'be opened by SSH',
};

const ADVICE: Readonly<Record<ClusterStatus, string>> = {
  no_server: 'There is none: launch it first.',
  provisioning: 'It is being prepared: wait until it runs, or cancel that.',
  running: 'It is running.',
  stopping: 'It is being stopped: wait until that is done.',
  stopped: 'It is stopped: start it first.',
  destroying: 'It is being destroyed: wait until that is done.',
  error: 'It has failed: launch it again, or destroy it.',
};

/** The cluster as far as it matters here. `failed` is the verb whose failure its error tells. */
export interface ClusterState {
  readonly name: string;
  readonly status: ClusterStatus;
  readonly failed: ClusterVerb | undefined;
}

export function isPermitted(verb: ClusterVerb, { status, failed }: ClusterState): boolean {
  if (PERMITTED[verb].includes(status)) return true;
  return status === 'error' && failed === verb && TRIED_AGAIN.includes(verb);
}

/**
 * Whether something may be asked of the cluster now.
 * @throws NotFoundError where there is no server; AlreadyRunningError, NotRunningError or ConflictError saying why not
 */
export function permitCluster(verb: ClusterVerb, state: ClusterState): void {
  if (isPermitted(verb, state)) return;
  const { name, status } = state;
  throw refusal(verb, status, `The server "${name}" cannot ${WANTED[verb]} now. ${adviceFor(verb, state)}`);
}

function adviceFor(verb: ClusterVerb, { status, failed }: ClusterState): string {
  if (verb === 'stop' && status === 'stopped') return 'It is stopped already.';
  if (verb === 'launch' && status === 'stopped') return 'It is stopped: start it, or destroy it first.';
  if (verb === 'start' && status === 'running') return 'It is running already.';
  if (status !== 'error' || failed === undefined || !TRIED_AGAIN.includes(failed)) return ADVICE[status];
  return `It has failed: ${failed} it again, launch it again, or destroy it.`;
}

function refusal(verb: ClusterVerb, status: ClusterStatus, message: string): CarapaceError {
  const details = { status };
  if (status === 'no_server') return new NotFoundError(message, details);
  const comesUp = verb === 'launch' || verb === 'start';
  if (comesUp && (status === 'running' || status === 'provisioning')) return new AlreadyRunningError(message, details);
  if (!comesUp && status === 'stopped') return new NotRunningError(message, details);
  return new ConflictError(message, details);
}

/** The operations' kinds and the state in which each one puts the cluster while it runs. */
export const STATUS_DURING = {
  'cluster.launch': 'provisioning',
  'cluster.start': 'provisioning',
  'cluster.stop': 'stopping',
  'cluster.destroy': 'destroying',
  'cluster.sync': 'running',
} as const satisfies Readonly<Record<`${typeof CLUSTER_SUBJECT}.${string}`, ClusterStatus>>;
