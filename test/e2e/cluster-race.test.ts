/** A thousand launches at once: exactly one. */
import assert from 'node:assert/strict';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { CarapaceError } from '../../src/protocol/errors.ts';
import { ClusterTest, wentWell } from './cluster-harness.ts';
import { until } from './control-plane-harness.ts';

const LAUNCHES = 1_000;
const CLIENTS = 3;

describe('a thousand launches from two windows and the command line', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  beforeEach(async () => (test = await ClusterTest.create()));
  afterEach(() => test.dispose());

  it('at the same moment: one is accepted, and one machine is made', async () => {
    const { file } = await test.serve();
    const clients = Array.from({ length: CLIENTS }, () => new ControlPlaneClient({ url: file.url, token: file.token }));
    const answers = await Promise.all(
      Array.from({ length: LAUNCHES }, async (_, index) => {
        try {
          return (await clients[index % CLIENTS]!.launchCluster(test.wish)).id;
        } catch (error) {
          return error;
        }
      }),
    );
    const accepted = answers.filter((answer) => typeof answer === 'string');
    assert.equal(accepted.length, 1);
    const refused = answers.filter((answer) => typeof answer !== 'string');
    const codes = new Set(refused.map((error) => (error instanceof CarapaceError ? error.code : String(error))));
    for (const code of codes) assert.ok(['CONFLICT', 'ALREADY_RUNNING'].includes(code), code);
    await wentWell(clients[0]!, await clients[0]!.getOperation(accepted[0]!));
    test.assertOneMachineEver();
    assert.equal(test.fake.launches().length, 1);
  });

  it('of a second control plane on the same state folder there is none', async () => {
    const { client } = await test.serve();
    const other = test.state.spawn(test.fake.desktopEnvironment);
    await until('the second one ends', () => (other.child.exitCode === null ? undefined : true));
    await test.launched(client);
    test.assertOneMachineEver();
  });
});
