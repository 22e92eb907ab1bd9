/** What a workshop may become from each state, and what may be asked of it there. Pure. */
import {
  AlreadyRunningError,
  ConflictError,
  InternalError,
  NotRunningError,
  type CarapaceError,
} from '../../protocol/errors.ts';
import type { WorkshopStatus } from '../../protocol/workshop.ts';

/** The states that may follow each state; a deleted workshop is gone and has none. */
const NEXT: Readonly<Record<WorkshopStatus, readonly WorkshopStatus[]>> = {
  created: ['provisioning', 'deleting'],
  provisioning: ['running', 'stopped', 'deleting', 'error'],
  running: ['stopping', 'deleting', 'error'],
  stopping: ['stopped', 'deleting', 'error'],
  stopped: ['provisioning', 'deleting', 'error'],
  deleting: ['error'],
  error: ['provisioning', 'running', 'stopping', 'deleting'],
};

export function mayFollow(from: WorkshopStatus, to: WorkshopStatus): boolean {
  return from === to || NEXT[from].includes(to);
}

/** @throws InternalError where `to` may not follow `from`: what may be asked is refused before */
export function assertFollows(from: WorkshopStatus, to: WorkshopStatus): void {
  if (!mayFollow(from, to)) throw new InternalError(`A workshop that is ${from} cannot become ${to}.`);
}

/** What people ask of a workshop: `access` the teacher, `enter` a learner who has a seat, `join` one who wants one. */
export const VERBS = ['start', 'stop', 'extend', 'delete', 'reset', 'free', 'access', 'enter', 'join'] as const;
export type Verb = (typeof VERBS)[number];

const PERMITTED: Readonly<Record<Verb, readonly WorkshopStatus[]>> = {
  start: ['created', 'stopped', 'error'],
  stop: ['running', 'error'],
  extend: ['created', 'provisioning', 'running', 'error'],
  delete: ['created', 'provisioning', 'running', 'stopping', 'stopped', 'deleting', 'error'],
  reset: ['running', 'error'],
  free: ['created', 'running', 'stopped', 'error'],
  access: ['provisioning', 'running', 'error'],
  enter: ['provisioning', 'running', 'error'],
  join: ['running', 'error'],
};

const WANTED: Readonly<Record<Verb, string>> = {
  start: 'be started',
  stop: 'be stopped',
  extend: 'be given more time',
  delete: 'be deleted',
  reset: 'have a seat reset',
  free: 'have a seat freed',
  access: 'let anybody in',
  enter: 'let anybody in',
  join: 'let anybody in',
};

const ADVICE: Readonly<Record<WorkshopStatus, string>> = {
  created: 'It has not been started yet: start it first.',
  provisioning: 'It is being prepared: wait until it runs.',
  running: 'It is running.',
  stopping: 'It is being stopped: wait until that is done.',
  stopped: 'It is stopped: start it first.',
  deleting: 'It is being deleted.',
  error: 'It has failed: start it again or delete it.',
};

/** For a learner, who cannot start anything. */
const JOIN_ADVICE: Readonly<Record<WorkshopStatus, string>> = {
  ...ADVICE,
  created: 'Ask your teacher to start it first.',
  provisioning: 'It is being prepared: wait until it runs, and try again.',
  stopping: 'It is being stopped. Ask your teacher.',
  stopped: 'It is stopped: ask your teacher to start it first.',
};

/**
 * Whether something may be asked of a workshop now.
 * @throws AlreadyRunningError, NotRunningError or ConflictError saying why not
 */
export function permit(verb: Verb, workshop: { readonly name: string; readonly status: WorkshopStatus }): void {
  const { name, status } = workshop;
  if (PERMITTED[verb].includes(status)) return;
  throw refusal(verb, status, `The workshop "${name}" cannot ${WANTED[verb]} now. ${adviceFor(verb, status)}`);
}

function adviceFor(verb: Verb, status: WorkshopStatus): string {
  if (verb === 'stop' && status === 'stopped') return 'It is stopped already.';
  if (verb === 'join' || verb === 'enter') return JOIN_ADVICE[status];
  return ADVICE[status];
}

function refusal(verb: Verb, status: WorkshopStatus, message: string): CarapaceError {
  const details = { status };
  if (verb === 'start' && (status === 'running' || status === 'provisioning')) {
    return new AlreadyRunningError(message, details);
  }
  const idle = status === 'created' || status === 'stopped';
  return verb !== 'start' && idle ? new NotRunningError(message, details) : new ConflictError(message, details);
}
