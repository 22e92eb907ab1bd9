import assert from 'node:assert/strict';
import { AlreadyRunningError, ConflictError, InternalError, NotRunningError } from '../../../src/protocol/errors.ts';
import { WORKSHOP_STATUSES, type WorkshopStatus } from '../../../src/protocol/workshop.ts';
import {
  assertFollows,
  mayFollow,
  permit,
  VERBS,
  type Verb,
} from '../../../src/provisioning/workshop/state-machine.ts';

describe('the states of a workshop', () => {
  it('are left only as designed', () => {
    const ways = WORKSHOP_STATUSES.flatMap((from) =>
      WORKSHOP_STATUSES.filter((to) => from !== to && mayFollow(from, to)).map((to) => `${from} → ${to}`),
    );
    assert.deepEqual(ways, [
      'created → provisioning',
      'created → deleting',
      'provisioning → running',
      'provisioning → stopped',
      'provisioning → deleting',
      'provisioning → error',
      'running → stopping',
      'running → deleting',
      'running → error',
      'stopping → stopped',
      'stopping → deleting',
      'stopping → error',
      'stopped → provisioning',
      'stopped → deleting',
      'stopped → error',
      'deleting → error',
      'error → provisioning',
      'error → running',
      'error → stopping',
      'error → deleting',
    ]);
    assert.throws(() => assertFollows('stopped', 'running'), InternalError);
    assert.doesNotThrow(() => assertFollows('running', 'running'));
  });

  it('permit deletion always, and each other verb where it makes sense', () => {
    const permitted = (verb: Verb): WorkshopStatus[] =>
      WORKSHOP_STATUSES.filter((status) => {
        try {
          permit(verb, { name: 'Intro', status });
          return true;
        } catch {
          return false;
        }
      });
    assert.deepEqual(Object.fromEntries(VERBS.map((verb) => [verb, permitted(verb)])), {
      start: ['created', 'stopped', 'error'],
      stop: ['running', 'error'],
      extend: ['created', 'provisioning', 'running', 'error'],
      delete: [...WORKSHOP_STATUSES],
      reset: ['running', 'error'],
      free: ['created', 'running', 'stopped', 'error'],
      access: ['provisioning', 'running', 'error'],
      enter: ['provisioning', 'running', 'error'],
      join: ['running', 'error'],
    });
  });

  it('say why something is refused', () => {
    const cases: [Verb, WorkshopStatus, new (message: string) => Error, RegExp][] = [
      ['start', 'running', AlreadyRunningError, /"Intro" cannot be started now\. It is running\./],
      ['stop', 'stopped', NotRunningError, /It is stopped already\./],
      ['join', 'stopped', NotRunningError, /start it first/],
      ['join', 'provisioning', ConflictError, /wait until it runs/],
      ['join', 'stopped', NotRunningError, /ask your teacher/],
      ['enter', 'stopped', NotRunningError, /ask your teacher/],
      ['join', 'stopping', ConflictError, /It is being stopped\. Ask your teacher\./],
      ['start', 'deleting', ConflictError, /It is being deleted\./],
    ];
    for (const [verb, status, type, message] of cases) {
      assert.throws(
        () => permit(verb, { name: 'Intro', status }),
        (error) => error instanceof type && message.test(error.message),
        `${verb} ${status}`,
      );
    }
  });
});
