import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  AlreadyRunningError,
  ConflictError,
  InvalidInputError,
  NoCapacityError,
  NoCredentialsError,
  NotFoundError,
  NotRunningError,
  SkyNotInstalledError,
} from '../../../src/protocol/errors.ts';
import { nextSteps, problemSentence } from '../../../src/providers/model/problem.ts';
import { cluster, clusterCheck, t, vaultReport } from './fixtures.ts';
import { ServerSetUp } from './server-setup.ts';

const CHANGED = new ConflictError('Files were changed on the server.', {
  server_changes: [{ vault: 'private', path: 'notes.txt', change: 'changed', conflict: false }],
});
const FILES = { count: 2, files: ['a.txt', 'b.txt'] };

describe('launching a server', () => {
  it('is Enter all the way through, and one question with the price', async () => {
    const setUp = new ServerSetUp();
    setUp.answers = ['Launch'];
    assert.equal((await setUp.handlers['carapace.launchServer'](undefined)).status, 'ok');
    assert.deepEqual(
      setUp.picked.map(([first]) => first),
      ['Let SkyPilot choose', 'The cheapest that fits', 'On demand'],
    );
    assert.equal(
      setUp.asked[0]?.text,
      'Launch carapace-node: a machine such as m6i.xlarge in aws us-east-1 for $0.19/h?',
    );
    assert.deepEqual(setUp.launches, [
      { cloud: null, region: null, instance_type: null, use_spot: false, vaults: { public: '/home/me/data/public' } },
    ]);
  });

  it('takes what is chosen, and a region only of a cloud', async () => {
    const setUp = new ServerSetUp();
    setUp.picks = ['aws', 'us-west-2', 'm6i.xlarge', 'Spot'];
    setUp.answers = ['Launch'];
    await setUp.handlers['carapace.launchServer'](undefined);
    const [wish] = setUp.launches;
    assert.deepEqual(
      [wish?.cloud, wish?.region, wish?.instance_type, wish?.use_spot],
      ['aws', 'us-west-2', 'm6i.xlarge', true],
    );
  });

  it('begins with what the settings say', async () => {
    const setUp = new ServerSetUp();
    setUp.settings = { 'cluster.cloud': 'aws', 'cluster.region': 'us-west-2', 'cluster.useSpot': true };
    setUp.answers = ['Launch'];
    await setUp.handlers['carapace.launchServer'](undefined);
    const [wish] = setUp.launches;
    assert.deepEqual([wish?.cloud, wish?.region, wish?.use_spot], ['aws', 'us-west-2', true]);
  });

  it('makes nothing where somebody gives up', async () => {
    const setUp = new ServerSetUp();
    setUp.answers = [undefined];
    assert.equal((await setUp.handlers['carapace.launchServer'](undefined)).status, 'cancelled');
    assert.deepEqual(setUp.launches, []);
  });

  it('needs SkyPilot, and offers to install it', async () => {
    const setUp = new ServerSetUp();
    const reason = 'SkyPilot not installed: there is no sky command on the PATH.';
    setUp.check = clusterCheck({ sky_installed: false, reason, install_command: 'uv tool install skypilot' });
    await assert.rejects(setUp.handlers['carapace.launchServer'](undefined), (error) => {
      assert.ok(error instanceof SkyNotInstalledError);
      assert.match(problemSentence(error, t), /^SkyPilot not installed/);
      assert.deepEqual(nextSteps(error), ['install', 'showLog']);
      return true;
    });
    await setUp.handlers['carapace.installSky'](undefined);
    assert.deepEqual(setUp.terminals[0]?.sent, ['uv tool install skypilot']);
    assert.deepEqual(setUp.launches, []);
  });

  it('needs credentials, and names each cloud and its reason', async () => {
    const setUp = new ServerSetUp();
    setUp.check = clusterCheck({ enabled_clouds: [], disabled_clouds: { aws: 'expired', gcp: 'none' } });
    await assert.rejects(setUp.handlers['carapace.launchServer'](undefined), (error) => {
      assert.ok(error instanceof NoCredentialsError);
      assert.match(error.message, /aws \(expired\); gcp \(none\)/);
      assert.deepEqual(nextSteps(error), ['checkAgain', 'showLog']);
      return true;
    });
  });

  it('is refused while there is one, before anything is asked', async () => {
    for (const status of ['provisioning', 'running', 'stopping', 'stopped', 'destroying'] as const) {
      const setUp = new ServerSetUp();
      setUp.cluster = cluster({ status });
      await assert.rejects(setUp.handlers['carapace.launchServer'](undefined), AlreadyRunningError, status);
      assert.deepEqual([setUp.picked, setUp.launches], [[], []]);
    }
  });

  it('is refused for settings that cannot be, and opens the one', async () => {
    const setUp = new ServerSetUp();
    setUp.settings = { 'cluster.cpus': 'many' };
    await assert.rejects(setUp.handlers['carapace.launchServer'](undefined), (error) => {
      assert.ok(error instanceof InvalidInputError);
      assert.match(error.message, /^The setting carapace\.cluster\.cpus is not valid/);
      assert.deepEqual(nextSteps(error), ['openSettings', 'showLog']);
      return true;
    });
  });

  it('says what a failed one has left, and offers to destroy it', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster({ status: 'error', billed: 'machine' });
    setUp.ended = {
      status: 'failed',
      error: { code: 'NO_CAPACITY', message: 'No zone has such a machine.\nTried 3.' },
    };
    await assert.rejects(setUp.handlers['carapace.launchServer']({ confirmed: true }), (error) => {
      assert.ok(error instanceof NoCapacityError);
      assert.equal(error.message, 'No zone has such a machine. A machine is left that costs $0.19/h.');
      assert.deepEqual(nextSteps(error), ['destroyServer', 'showLog']);
      return true;
    });
  });

  it('keeps the sentence of a failure that has left nothing', async () => {
    const setUp = new ServerSetUp();
    setUp.ended = { status: 'failed', error: { code: 'NO_CAPACITY', message: 'No zone has such a machine.' } };
    await assert.rejects(setUp.handlers['carapace.launchServer']({ confirmed: true }), (error) => {
      assert.deepEqual(nextSteps(error), ['retry', 'showLog']);
      return error instanceof NoCapacityError && error.message === 'No zone has such a machine.';
    });
  });

  it('offers to destroy what a cancelled one has left', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster({ status: 'error', billed: 'machine' });
    setUp.ended = { status: 'cancelled' };
    setUp.answers = ['Destroy Server'];
    assert.equal((await setUp.handlers['carapace.launchServer']({ confirmed: true })).status, 'cancelled');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(setUp.asked[0]?.text, 'The launch was cancelled. A machine is left that costs $0.19/h.');
    assert.deepEqual(setUp.executed, [['carapace.destroyServer']]);
  });
});

describe('ending a server', () => {
  it('by stopping needs no question', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    assert.equal((await setUp.handlers['carapace.stopServer'](undefined)).status, 'ok');
    assert.deepEqual(setUp.ends, [['stop', { server_changes: 'refuse' }]]);
  });

  it('by destroying asks once, naming what is lost and what keeping costs', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.answers = [undefined, 'Destroy'];
    assert.equal((await setUp.handlers['carapace.destroyServer'](undefined)).status, 'cancelled');
    assert.deepEqual(setUp.ends, []);
    await setUp.handlers['carapace.destroyServer'](undefined);
    assert.match(setUp.asked[1]?.detail ?? '', /are lost.*costs \$0\.19\/h/);
    assert.deepEqual(setUp.ends, [['destroy', { server_changes: 'refuse' }]]);
  });

  it('asks what becomes of files that were changed there', async () => {
    for (const [answer, choice] of [
      ['Keep Them (copy here first)', 'keep'],
      ['Stop Without Copying', 'discard'],
    ] as const) {
      const setUp = new ServerSetUp();
      setUp.cluster = cluster();
      setUp.refusal = CHANGED;
      setUp.answers = [answer];
      await setUp.handlers['carapace.stopServer'](undefined);
      assert.match(setUp.asked[0]?.detail ?? '', /• private\/notes\.txt: changed/);
      assert.deepEqual(
        setUp.ends.map(([, how]) => how.server_changes),
        ['refuse', choice],
      );
    }
  });

  it('loses no file where somebody gives up', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.refusal = CHANGED;
    setUp.answers = ['Destroy', undefined];
    assert.equal((await setUp.handlers['carapace.destroyServer'](undefined)).status, 'cancelled');
    assert.equal(setUp.ends.length, 1);
  });

  it('offers no copy where nobody can look', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.refusal = new ConflictError('The server does not answer.', { server_changes: null });
    setUp.answers = ['Stop Anyway'];
    await setUp.handlers['carapace.stopServer'](undefined);
    assert.deepEqual(setUp.asked[0]?.buttons, ['Stop Anyway']);
  });

  it('gives the refusal to a program that does not say', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.refusal = CHANGED;
    await assert.rejects(setUp.handlers['carapace.destroyServer']({ confirmed: true }), ConflictError);
    assert.deepEqual(setUp.asked, []);
    await setUp.handlers['carapace.destroyServer']({ confirmed: true, server_changes: 'discard' });
    assert.deepEqual(setUp.ends.at(-1), ['destroy', { server_changes: 'discard' }]);
  });

  it('is nothing without one', async () => {
    const setUp = new ServerSetUp();
    for (const id of ['carapace.stopServer', 'carapace.destroyServer', 'carapace.startServer'] as const)
      await assert.rejects(setUp.handlers[id](undefined), NotFoundError, id);
  });
});

describe('syncing the vaults', () => {
  it('asks only where something was removed here', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    await setUp.handlers['carapace.syncVaults'](undefined);
    setUp.reports = [vaultReport({ removed: FILES })];
    setUp.answers = ['Remove Them There, Too', 'Keep Them There', undefined];
    for (let times = 0; times < 3; times += 1) await setUp.handlers['carapace.syncVaults'](undefined);
    assert.equal(setUp.asked[0]?.detail, 'public/a.txt, public/b.txt');
    assert.deepEqual(
      setUp.syncs.map(({ deletions }) => deletions),
      ['keep', 'remove', 'keep'],
    );
  });

  it('overwrites nothing of the server without asking', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.refusal = CHANGED;
    setUp.answers = ['Overwrite Them'];
    await setUp.handlers['carapace.syncVaults'](undefined);
    assert.deepEqual(
      setUp.syncs.map(({ server_changes }) => server_changes),
      ['refuse', 'discard'],
    );
  });
});

describe('reaching a server', () => {
  it('copies its address and its ssh command', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    await setUp.handlers['carapace.copyIp'](undefined);
    assert.equal(setUp.clipboard, '203.0.113.10');
    await setUp.handlers['carapace.copySshCommand'](undefined);
    assert.equal(setUp.clipboard, 'ssh carapace-node');
  });

  it('opens the folder of the vaults in a window of its own', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.extensions = [{ id: 'jeanp413.open-remote-ssh', packageJSON: {} }];
    await setUp.handlers['carapace.openRemote'](undefined);
    const [command, uri, options] = setUp.executed[0] ?? [];
    assert.equal(command, 'vscode.openFolder');
    assert.equal(
      String(uri),
      '{"scheme":"vscode-remote","authority":"ssh-remote+carapace-node","path":"/opt/carapace/data"}',
    );
    assert.deepEqual(options, { forceNewWindow: true });
  });

  it('offers the extension that is missing, or a plain terminal', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.answers = ['Open a Terminal Instead', 'Install It'];
    assert.equal((await setUp.handlers['carapace.openRemote'](undefined)).status, 'cancelled');
    assert.deepEqual([setUp.terminals[0]?.shellPath, setUp.terminals[0]?.shellArgs], ['ssh', ['carapace-node']]);
    await setUp.handlers['carapace.openRemote'](undefined);
    assert.deepEqual(setUp.executed[0], ['workbench.extensions.installExtension', 'ms-vscode-remote.remote-ssh']);
    assert.equal(setUp.executed[1]?.[0], 'vscode.openFolder');
  });

  it('starts one that is stopped first, when somebody wants it', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster({ status: 'stopped' });
    setUp.answers = [undefined, 'Start Server'];
    assert.equal((await setUp.handlers['carapace.openServerTerminal'](undefined)).status, 'cancelled');
    assert.equal((await setUp.handlers['carapace.openServerTerminal'](undefined)).status, 'ok');
    assert.equal(setUp.terminals.length, 1);
  });

  it('says so while it is on the way', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster({ status: 'provisioning' });
    await assert.rejects(setUp.handlers['carapace.openRemote'](undefined), NotRunningError);
  });
});

describe('the autostop of a server', () => {
  it('is changed to what is picked, or told', async () => {
    const setUp = new ServerSetUp();
    setUp.cluster = cluster();
    setUp.picks = ['Never'];
    await setUp.handlers['carapace.changeAutostop'](undefined);
    assert.equal(setUp.cluster.autostop_minutes, 0);
    await setUp.handlers['carapace.changeAutostop']({ minutes: 90 });
    assert.equal(setUp.cluster.autostop_minutes, 90);
  });
});
