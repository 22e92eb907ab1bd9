import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ConflictError, InvalidInputError } from '../../../src/protocol/errors.ts';
import { checkSentence, noCloudSentence } from '../../../src/providers/model/cloud-check.ts';
import { launchSettings, vaultPath, vaultPaths } from '../../../src/providers/model/cluster-settings.ts';
import {
  chosenWish,
  cloudChoices,
  regionChoices,
  sizeChoices,
  spotChoices,
} from '../../../src/providers/model/launch-form.ts';
import { settingOf } from '../../../src/providers/model/problem.ts';
import { hostOfAuthority, providesRemoteSsh, remoteExtensionFor } from '../../../src/providers/model/remote-ssh.ts';
import {
  changesText,
  destroyLosses,
  launchDetail,
  launchQuestion,
  leftovers,
  serverChangesOf,
} from '../../../src/providers/model/server-texts.ts';
import { cluster, clusterCheck, launchPlan, offer, t, vaultReport } from './fixtures.ts';

const OFFERS = [
  offer(),
  offer({ region: 'us-west-2', price_per_hour: 0.18 }),
  offer({ instance_type: 'm6i.2xlarge', cpus: 8, memory_gb: 32, price_per_hour: 0.384, spot_price_per_hour: null }),
  offer({ cloud: 'gcp', region: 'us-central1', instance_type: 'n2-standard-4', price_per_hour: 0.2 }),
];
const OPEN = { cloud: null, region: null, instanceType: null, useSpot: false };

describe('the choices of a launch', () => {
  const labels = (choices: readonly { label: string; description: string }[]) =>
    choices.map(({ label, description }) => `${label}: ${description}`);

  it('begin with leaving the cloud to SkyPilot', () => {
    assert.deepEqual(labels(cloudChoices(['gcp', 'aws'], OFFERS, t)), [
      'Let SkyPilot choose: the cheapest of aws, gcp',
      'aws: from $0.18/h',
      'gcp: from $0.20/h',
    ]);
  });

  it('name the regions of the cloud, the cheapest first', () => {
    assert.deepEqual(labels(regionChoices(OFFERS, 'AWS', t)), [
      'Let SkyPilot choose: from $0.18/h',
      'us-west-2: from $0.18/h',
      'us-east-1: from $0.19/h',
    ]);
  });

  it('name each size once, with its lowest price', () => {
    assert.deepEqual(labels(sizeChoices(OFFERS, { ...OPEN, cloud: 'aws' }, { cpus: '4+', memory: '16+' }, t)), [
      'The cheapest that fits: 4+ cores, 16+ GB memory · from $0.18/h',
      'm6i.xlarge: 4 cores, 16 GB memory · $0.18/h',
      'm6i.2xlarge: 8 cores, 32 GB memory · $0.38/h',
    ]);
  });

  it('say what Spot costs and means', () => {
    const [kept, spot] = labels(spotChoices(OFFERS, { ...OPEN, cloud: 'aws', instanceType: 'm6i.xlarge' }, t));
    assert.equal(kept, 'On demand: $0.18/h · it is yours until you stop it');
    assert.match(spot ?? '', /^Spot: \$0\.070\/h · .*taken? it away/);
  });

  it('are possible without any price', () => {
    assert.equal(cloudChoices(['aws'], [], t).length, 2);
    assert.equal(sizeChoices([], OPEN, {}, t).length, 1);
  });

  it('come to a launch', () => {
    const wish = chosenWish({ name: 'my-node', cpus: '8+' }, { ...OPEN, cloud: 'aws', useSpot: true });
    assert.deepEqual(wish, {
      name: 'my-node',
      cpus: '8+',
      cloud: 'aws',
      region: null,
      instance_type: null,
      use_spot: true,
    });
  });
});

describe('the question before a launch', () => {
  it('names the machine and its price', () => {
    assert.equal(
      launchQuestion({ name: 'carapace-node', cloud: 'aws', region: 'us-east-1' }, launchPlan(), t),
      'Launch carapace-node: m6i.xlarge in aws us-east-1 for $0.19/h?',
    );
    assert.equal(
      launchQuestion({ cloud: 'aws', region: null }, launchPlan(), t),
      'Launch carapace-node: a machine such as m6i.xlarge in aws us-east-1 for $0.19/h?',
    );
    const unknown = launchPlan({ offer: null, price_per_hour: null });
    assert.equal(launchQuestion({}, unknown, t), 'Launch carapace-node?');
    assert.match(launchDetail({}, unknown, t), /^The price is not known/);
  });

  it('names the disk, the autostop, the vaults, and each warning once', () => {
    const vaults = [
      vaultReport({ secrets: { count: 1, files: ['.env'] }, ignored: { count: 2, files: ['dist/a', 'dist/b'] } }),
    ];
    const warning = 'Spot machines of aws cannot be stopped: autostop destroys it.';
    const detail = launchDetail({}, launchPlan({ vaults, warnings: [warning, warning] }), t);
    assert.deepEqual(detail.split('\n'), [
      'Disk: 100 GB, $8.03 a month.',
      'It stops by itself after 30 min without use.',
      'Vault public: 12 files, 2 KB, to /opt/carapace/data/public.',
      warning,
    ]);
    assert.match(launchDetail({ autostop_minutes: 0 }, launchPlan(), t), /It runs until you stop it\./);
  });
});

describe('what is said before a server ends', () => {
  it('names what is lost and what keeping costs', () => {
    assert.match(destroyLosses(cluster(), t), /are lost\..* stay as they are\. Keeping it running costs \$0\.19\/h\./);
    const stopped = destroyLosses(cluster({ status: 'stopped' }), t);
    assert.match(stopped, /Keeping it costs \$0\.011\/h for its disk \(\$8\.03 a month\)\./);
  });

  it('names what a failed launch has left', () => {
    assert.equal(leftovers(cluster({ status: 'no_server', billed: 'nothing' }), t), undefined);
    assert.equal(leftovers(cluster({ status: 'error', billed: 'nothing' }), t), undefined);
    assert.equal(leftovers(cluster({ status: 'error' }), t), 'A machine is left that costs $0.19/h.');
    assert.equal(
      leftovers(cluster({ status: 'error', billed: 'unknown' }), t),
      'A machine may be left that costs money.',
    );
  });

  it('lists the files that were changed on the server', () => {
    const change = { vault: 'private', path: 'notes.txt', change: 'changed', conflict: true } as const;
    const refusal = new ConflictError('Files were changed.', { server_changes: [change] });
    assert.deepEqual(serverChangesOf(refusal), [change]);
    assert.equal(changesText([change], t), '• private/notes.txt: changed, and changed here, too');
    const many = Array.from({ length: 20 }, (_none, index) => ({ ...change, path: `${index}`, conflict: false }));
    assert.match(changesText(many, t), /… and 8 more$/);
  });

  it('knows a refusal where nobody can look, and one about something else', () => {
    assert.equal(serverChangesOf(new ConflictError('No answer.', { server_changes: null })), 'unknown');
    assert.equal(serverChangesOf(new ConflictError('It is being stopped.')), undefined);
    assert.equal(serverChangesOf(new Error('x')), undefined);
  });
});

describe('the settings of the server', () => {
  const read =
    (values: Record<string, unknown>) =>
    (name: string): unknown =>
      values[name];

  it('are a launch, and an empty text leaves the choice to SkyPilot', () => {
    const settings = { 'cluster.name': 'my-node', 'cluster.cloud': '', 'cluster.cpus': ' 8+ ', 'cluster.diskSize': 50 };
    assert.deepEqual(launchSettings(read(settings), t), { name: 'my-node', cpus: '8+', disk_size: 50 });
  });

  it('are refused by the schema of the protocol, naming the setting', () => {
    for (const [name, value] of [
      ['cluster.name', 'My Node'],
      ['cluster.cpus', 'four'],
      ['cluster.memory', '0'],
      ['cluster.diskSize', 5],
      ['cluster.region', 'us east'],
      ['cluster.autostopMinutes', -1],
      ['skyPath', 'bin/sky'],
    ] as const) {
      assert.throws(
        () => launchSettings(read({ [name]: value }), t),
        (error) =>
          error instanceof InvalidInputError &&
          error.message.startsWith(`The setting carapace.${name} is not valid: `) &&
          settingOf(error) === `carapace.${name}`,
        name,
      );
    }
  });

  it('say where the vaults are, absolute', () => {
    const inWorkspace = { workspaceFolder: '/home/me/project', home: '/home/me' };
    const without = { workspaceFolder: undefined, home: '/home/me' };
    assert.equal(vaultPath('public', '', inWorkspace), '/home/me/project/data/public');
    assert.equal(vaultPath('private', undefined, without), '/home/me/carapace/data/private');
    assert.equal(vaultPath('public', '~/slides', inWorkspace), '/home/me/slides');
    assert.equal(vaultPath('public', '/srv/slides', inWorkspace), '/srv/slides');
    assert.equal(vaultPath('public', 'slides', inWorkspace), '/home/me/project/slides');
    const paths = vaultPaths(read({ 'vaults.public': 'slides' }), inWorkspace);
    assert.deepEqual([paths.public.named, paths.private.named], [true, false]);
  });
});

describe('the check of the clouds in words', () => {
  it('names each cloud and its reason, on one line', () => {
    const check = clusterCheck({
      enabled_clouds: [],
      disabled_clouds: { aws: 'no keys.\nRun aws configure', gcp: 'x' },
    });
    assert.equal(
      noCloudSentence(check, t),
      'No cloud can be used: aws (no keys. Run aws configure); gcp (x). Set up the credentials of one, then check again.',
    );
    assert.equal(checkSentence(clusterCheck(), t), 'SkyPilot 0.14.1 is there. Clouds: aws.');
  });
});

describe('Remote-SSH', () => {
  it('is provided by the known extensions, and by whichever says so', () => {
    assert.ok(providesRemoteSsh('ms-vscode-remote.remote-ssh', {}));
    assert.ok(providesRemoteSsh('jeanp413.open-remote-ssh', {}));
    assert.ok(providesRemoteSsh('fork.ssh', { activationEvents: ['onResolveRemoteAuthority:ssh-remote'] }));
    assert.ok(!providesRemoteSsh('fork.other', { activationEvents: ['onResolveRemoteAuthority:wsl'] }));
    assert.ok(!providesRemoteSsh('fork.other', undefined));
    assert.equal(remoteExtensionFor('Visual Studio Code'), 'ms-vscode-remote.remote-ssh');
    assert.equal(remoteExtensionFor('VSCodium'), 'jeanp413.open-remote-ssh');
  });

  it('names its host', () => {
    assert.equal(hostOfAuthority('ssh-remote+carapace-node'), 'carapace-node');
    const hex = Buffer.from('{"hostName":"carapace-node"}').toString('hex');
    assert.equal(hostOfAuthority(`ssh-remote+${hex}`), 'carapace-node');
    assert.equal(hostOfAuthority('wsl+ubuntu'), undefined);
    assert.equal(hostOfAuthority('ssh-remote+7b7d'), '7b7d');
  });
});
