import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { REMOTE_DATA_FOLDER, serverChangesDetailsSchema } from '../../../../src/protocol/cluster.ts';
import type { CarapaceError } from '../../../../src/protocol/errors.ts';
import {
  AlreadyRunningError,
  ConflictError,
  InvalidInputError,
  NoCredentialsError,
  NotFoundError,
  SkyNotInstalledError,
} from '../../../../src/protocol/errors.ts';
import type { RemoteShell } from '../../../../src/provisioning/cluster/vaults/remote-shell.ts';
import { launched, openCluster, runningRow, type TestCluster } from './fixtures.ts';
import { OFFER, UP } from './stub-sky.ts';
import { localShell } from './vaults/local-shell.ts';

let one: TestCluster;
beforeEach(() => (one = openCluster()));
afterEach(() => one.dispose());

describe('before a launch', () => {
  it('SkyPilot is looked for', async () => {
    one.sky.installed = false;
    await assert.rejects(one.service.launch({}), SkyNotInstalledError);
    const check = await one.service.check(undefined);
    assert.deepEqual([check.sky_installed, check.install_command], [false, 'uv tool install skypilot']);
    assert.match(check.reason ?? '', /^SkyPilot not installed/);
    assert.equal(one.part.records.find(), undefined);
  });

  it('credentials are looked for, and each cloud’s reason is told', async () => {
    one.sky.enabledClouds = [];
    await assert.rejects(
      one.service.launch({}),
      (error) => error instanceof NoCredentialsError && error.message.includes('GCP: no credentials were found.'),
    );
    assert.match((await one.service.check(undefined)).reason ?? '', /No cloud can be used/);
    one.sky.enabledClouds = ['AWS'];
    await assert.rejects(
      one.service.launch({ cloud: 'gcp' }),
      (error) => error instanceof NoCredentialsError && error.message.includes('These can: AWS.'),
    );
    assert.equal(one.sky.count('launch'), 0);
    await launched(one, { cloud: 'aws' });
  });

  it('vaults are looked for', async () => {
    const vaults = { public: join(one.test.folder, 'nowhere') };
    await assert.rejects(
      one.service.launch({ vaults }),
      (error) => error instanceof InvalidInputError && error.details?.['path'] === 'vaults.public',
    );
    assert.equal(one.sky.count('launch'), 0);
  });

  it('a server of that name that was launched elsewhere is found, and shown', async () => {
    one.sky.setRecord(UP);
    await assert.rejects(one.service.launch({}), AlreadyRunningError);
    assert.equal(one.row().status, 'running');
    assert.match(one.row().note ?? '', /launched by SkyPilot’s own command/);
  });

  it('another name is refused while a server may still be there', async () => {
    one.part.records.put(runningRow({ status: 'error' }));
    await assert.rejects(one.service.launch({ name: 'another' }), /There is still the server "carapace-node"/);
  });
});

describe('a thousand launches at once', () => {
  it('make one launch and one preflight', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 1_000 }, () => one.service.launch({})));
    const begun = asked.filter(({ status }) => status === 'fulfilled');
    assert.equal(begun.length, 1);
    for (const result of asked) {
      if (result.status === 'rejected') assert.equal((result.reason as CarapaceError).status, 409);
    }
    assert.equal(one.sky.count('check'), 1);
    const [operation] = one.test.store.operations.all();
    await one.ended(operation!.id);
    assert.equal(one.sky.count('launch'), 1);
    assert.equal(one.test.store.operations.all().length, 1);
  });
});

describe('the plan of a launch', () => {
  it('names the cheapest machine, its price and what to know', async () => {
    one.sky.offered = [{ ...OFFER, region: 'eu-west-1', price_per_hour: 0.21 }, OFFER];
    const plan = await one.service.plan({ vaults: one.vault('public') });
    assert.deepEqual([plan.offer?.region, plan.price_per_hour], ['us-east-1', 0.192]);
    assert.ok(Math.abs(plan.disk_price_per_hour! - 8 / 730) < 1e-9);
    assert.equal(plan.vaults[0]?.file_count, 1);
    assert.deepEqual(plan.warnings, ['While it is stopped its disk costs about $0.26 a day.']);
    const elsewhere = await one.service.plan({ region: 'eu-west-1', use_spot: true, autostop_minutes: 10 });
    assert.deepEqual([elsewhere.offer?.region, elsewhere.price_per_hour], ['eu-west-1', 0.07]);
    assert.match(
      elsewhere.warnings[0] ?? '',
      /A Spot machine there \(AWS\) cannot be stopped, only destroyed\. After 10 idle/,
    );
  });

  it('warns of what would go on costing, of secrets and of what is not offered', async () => {
    one.sky.offered = [];
    const vaults = one.vault('public');
    writeFileSync(join(vaults.public!, 'id_rsa'), '-----BEGIN OPENSSH PRIVATE KEY-----\n');
    const { offer, price_per_hour, warnings } = await one.service.plan({ vaults, autostop_minutes: 0 });
    assert.deepEqual([offer, price_per_hour], [null, null]);
    assert.match(
      warnings.join('\n'),
      /no such machine.*\n.*Autostop is off.*\n.*public vault look like keys or passwords: id_rsa/s,
    );
  });
});

describe('where there is no server', () => {
  it('nothing of it can be asked', async () => {
    assert.throws(() => one.service.start(), NotFoundError);
    await assert.rejects(one.service.stop({}), NotFoundError);
    await assert.rejects(one.service.destroy({}), NotFoundError);
    await assert.rejects(one.service.sync({}), NotFoundError);
    await assert.rejects(one.service.setAutostop(5), NotFoundError);
    assert.equal(one.service.tellActivity().status, 'no_server');
    assert.deepEqual(await one.service.inspectVaults(undefined), []);
    assert.equal(one.service.get().name, 'carapace-node');
  });
});

describe('files that were changed on the server', () => {
  let server: string;
  /** A server whose vaults are in a folder of this machine. */
  function folderServer(): RemoteShell {
    const shell = localShell();
    return { run: (command, request) => shell.run(command.replaceAll(REMOTE_DATA_FOLDER, server), request) };
  }
  beforeEach(async () => {
    await one.dispose();
    one = openCluster({ server: { run: (command, request) => folderServer().run(command, request) } });
    server = join(one.test.folder, 'server');
    mkdirSync(server);
    const vaults = one.vault('public');
    await launched(one, { vaults });
    cpSync(vaults.public!, join(server, 'public'), { recursive: true, preserveTimestamps: true });
  });

  const verbs = ['stop', 'destroy', 'sync'] as const;
  for (const verb of verbs) {
    it(`are named before a ${verb}, which is refused until somebody decides`, async () => {
      writeFileSync(join(server, 'public', 'result.txt'), 'made on the server\n');
      await assert.rejects(one.service[verb]({}), (error) => {
        assert.ok(error instanceof ConflictError);
        assert.match(error.message, /1 file was changed on the server since the last sync: public\/result\.txt\./);
        const details = serverChangesDetailsSchema.parse(error.details);
        assert.deepEqual(
          details.server_changes?.map(({ path, change }) => [path, change]),
          [['result.txt', 'added']],
        );
        return true;
      });
      assert.equal(one.row().status, 'running');
      const { id } = await one.service[verb]({ server_changes: 'keep' });
      assert.equal((await one.ended(id)).status, 'succeeded');
      assert.equal(readFileSync(join(one.test.folder, 'vault-public', 'result.txt'), 'utf8'), 'made on the server\n');
      assert.match(one.lines(id).at(-1) ?? '', /Copied from the server into the vaults: 1 file\./);
    });
  }

  it('do not hinder where there are none, or the server does not run', async () => {
    await one.ended((await one.service.stop({})).id);
    writeFileSync(join(server, 'public', 'result.txt'), 'made on the server\n');
    await one.ended((await one.service.destroy({})).id);
    assert.equal(one.row().status, 'no_server');
  });

  it('are not overwritten by a start', async () => {
    await one.ended((await one.service.stop({})).id);
    writeFileSync(join(server, 'public', 'result.txt'), 'made on the server\n');
    await one.ended(one.service.start().id);
    assert.match(one.row().note ?? '', /1 file was changed on the server, and would be overwritten/);
    await assert.rejects(one.service.sync({}), ConflictError);
  });

  it('that cannot be looked at are said to be unknown', async () => {
    writeFileSync(join(server, 'public', 'result.txt'), 'made on the server\n');
    // No program can be started with that.
    server = '/nowhere\0';
    await assert.rejects(one.service.destroy({}), (error) => {
      assert.ok(error instanceof ConflictError);
      assert.deepEqual(error.details, { server_changes: null });
      return true;
    });
  });

  it('are removed there with what was removed here, where that is asked', async () => {
    writeFileSync(join(one.test.folder, 'vault-public', 'second.txt'), 'second\n');
    await one.ended((await one.service.sync({})).id);
    cpSync(join(one.test.folder, 'vault-public'), join(server, 'public'), {
      recursive: true,
      preserveTimestamps: true,
    });
    rmSync(join(one.test.folder, 'vault-public', 'second.txt'));
    const { id } = await one.service.sync({ deletions: 'remove' });
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.equal(existsSync(join(server, 'public', 'second.txt')), false);
  });
});

describe('a server that runs', () => {
  it('that its cloud cannot stop says so before anything is asked', async () => {
    await launched(one);
    one.sky.setRecord({ ...UP, useSpot: true });
    one.part.records.change({ use_spot: true });
    await assert.rejects(one.service.stop({}), /cannot be stopped: AWS cannot stop a Spot machine/);
    assert.equal(one.sky.count('stop'), 0);
  });

  it('has its autostop changed, and says when SkyPilot did not', async () => {
    await launched(one);
    assert.equal((await one.service.setAutostop(5)).autostop_minutes, 5);
    assert.equal((await one.service.setAutostop(0)).autostop_minutes, null);
    one.sky.autostop = () => Promise.resolve();
    await assert.rejects(one.service.setAutostop(7), ConflictError);
  });

  it('goes on when somebody works with it', async () => {
    await launched(one);
    one.part.records.change({ stops_at: '2027-01-01T00:00:00.000Z' });
    assert.equal(one.service.tellActivity().stops_at, null);
  });

  it('has nothing to sync without vaults', async () => {
    await launched(one);
    await assert.rejects(one.service.sync({}), InvalidInputError);
  });
});
