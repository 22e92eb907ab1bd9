import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { CLUSTER_STATUSES, type ClusterStatus } from '../../../../src/protocol/cluster.ts';
import {
  AlreadyRunningError,
  CarapaceError,
  ConflictError,
  NotFoundError,
  NotRunningError,
} from '../../../../src/protocol/errors.ts';
import {
  CLUSTER_VERBS,
  isPermitted,
  permitCluster,
  type ClusterVerb,
} from '../../../../src/provisioning/cluster/state-machine.ts';

/** The rules as the design has them, written down once more. */
const RULES: Readonly<Record<ClusterStatus, string>> = {
  no_server: 'launch',
  provisioning: '',
  running: 'stop destroy sync autostop ssh',
  stopping: '',
  stopped: 'start destroy',
  destroying: '',
  error: 'launch destroy',
};

describe('what may be asked of the cluster', () => {
  for (const status of CLUSTER_STATUSES) {
    it(`in the state ${status} is what the design says, whatever failed before`, () => {
      for (const failed of [undefined, ...CLUSTER_VERBS]) {
        for (const verb of CLUSTER_VERBS) {
          const isRetry = status === 'error' && failed === verb && (verb === 'start' || verb === 'stop');
          const expected = RULES[status].split(' ').includes(verb) || isRetry;
          assert.equal(isPermitted(verb, { name: 'one', status, failed }), expected, `${verb} after ${failed ?? '-'}`);
        }
      }
    });
  }

  it('is refused with the server’s name, what was wanted and what to do', () => {
    for (const status of CLUSTER_STATUSES) {
      for (const verb of CLUSTER_VERBS) {
        const state = { name: 'carapace-node', status, failed: undefined };
        if (isPermitted(verb, state)) {
          permitCluster(verb, state);
          continue;
        }
        assert.throws(
          () => permitCluster(verb, state),
          (error) => {
            assert.ok(error instanceof CarapaceError);
            assert.match(error.message, /^The server "carapace-node" cannot [a-zA-Z ]+ now\. [A-Z].*\.$/);
            assert.deepEqual(error.details, { status });
            assert.ok([404, 409].includes(error.status));
            return true;
          },
        );
      }
    }
  });

  it('is refused with the error that fits', () => {
    const refused = (verb: ClusterVerb, status: ClusterStatus, Kind: new (message: string) => CarapaceError) =>
      assert.throws(() => permitCluster(verb, { name: 'one', status, failed: undefined }), Kind);
    refused('launch', 'running', AlreadyRunningError);
    refused('launch', 'provisioning', AlreadyRunningError);
    refused('launch', 'stopped', ConflictError);
    refused('stop', 'stopped', NotRunningError);
    refused('stop', 'stopping', ConflictError);
    for (const verb of ['start', 'stop', 'destroy', 'sync', 'autostop', 'ssh'] as const) {
      refused(verb, 'no_server', NotFoundError);
    }
  });

  it('tells in an error what may be tried again', () => {
    const state = { name: 'one', status: 'error', failed: 'stop' } as const;
    assert.throws(() => permitCluster('sync', state), /stop it again, launch it again, or destroy it/);
  });
});
