import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NoCapacityError, NoCredentialsError } from '../../../../../src/protocol/errors.ts';
import { cloudsInResult, cloudsInText } from '../../../../../src/provisioning/cluster/sky/check.ts';
import { canStop } from '../../../../../src/provisioning/cluster/sky/clouds.ts';
import { ConsoleDecoder } from '../../../../../src/provisioning/cluster/sky/console.ts';
import {
  errorFromCommand,
  errorFromSky,
  failIfNotRefreshed,
  printedException,
  reasonInLine,
  withReason,
} from '../../../../../src/provisioning/cluster/sky/errors.ts';
import { isNewEnough, printedVersion } from '../../../../../src/provisioning/cluster/sky/install.ts';
import { activeOn, recordOf } from '../../../../../src/provisioning/cluster/sky/record.ts';
import type { SkyLine } from '../../../../../src/provisioning/cluster/sky/sky.ts';
import { jsonAmongLines, printedAddress, submittedRequest } from '../../../../../src/provisioning/cluster/sky/text.ts';
import { CHECK_TEXT, FAILURES, LAUNCH_STREAM, NOT_REFRESHED, PRINTED, QUOTA_LOG, ROWS } from './recorded.ts';

describe('what SkyPilot prints', () => {
  it('is JSON after other lines', () => {
    assert.deepEqual(jsonAmongLines(PRINTED.statusWithoutServer), []);
    assert.deepEqual(jsonAmongLines(PRINTED.statusOfUnknown), []);
    assert.deepEqual(jsonAmongLines(PRINTED.statusNone), []);
    const [row] = jsonAmongLines(PRINTED.statusUp) as { name: string }[];
    assert.equal(row?.name, 'carapace-node');
    assert.deepEqual(jsonAmongLines(`{\n  "default": {}\n}\nUsing SkyPilot API server\n`), { default: {} });
    assert.equal(jsonAmongLines('No SkyPilot API server is connected\n[not JSON\n'), undefined);
    assert.equal(jsonAmongLines('[\n  {\n'), undefined);
  });

  it('holds the id of what was submitted, and an address', () => {
    assert.equal(submittedRequest(PRINTED.launch), 'aaaaaaaa-0000-4000-8000-000000000001');
    assert.match(submittedRequest(PRINTED.stopAsync) ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(submittedRequest(PRINTED.stopOfUnknown), undefined);
    assert.equal(printedAddress(PRINTED.address), '203.0.113.7');
    assert.equal(printedAddress(`Cluster(s) not found\n`), undefined);
  });

  it('tells the version, and 0.12.0 is the first that serves', () => {
    assert.equal(printedVersion(PRINTED.version), '0.14.1');
    assert.equal(printedVersion('sky 3: a planetarium\n'), undefined);
    const enough = ['0.12.0', '0.12.0rc1', '0.14.1', '1.0.0.dev20260801', '1.0'];
    assert.deepEqual(enough.filter(isNewEnough), enough);
    assert.deepEqual(['0.11.9', '0.9', '0.11.10rc1', '0'].filter(isNewEnough), []);
  });
});

describe("SkyPilot's records", () => {
  it('are read from rows', () => {
    assert.deepEqual(recordOf('carapace-node', [ROWS.up]), {
      name: 'carapace-node',
      status: 'UP',
      launchedAt: ROWS.up.launched_at,
      cloud: 'AWS',
      region: 'us-east-1',
      zone: null,
      instanceType: 'm6i.large',
      ip: null,
      useSpot: false,
      autostopMinutes: null,
      toDown: false,
      hash: '11111111-2222-4333-8444-555555555555',
      lastEvent: ROWS.up.last_event,
    });
    assert.equal(recordOf('carapace-node', [ROWS.init])?.status, 'INIT');
    assert.equal(recordOf('carapace-node', [ROWS.stopped])?.lastEvent, ROWS.stopped.last_event);
    assert.equal(recordOf('carapace-node', [ROWS.autostop])?.autostopMinutes, 10);
    assert.deepEqual(recordOf('carapace-node', jsonAmongLines(PRINTED.statusUp))?.instanceType, 'm6i.large');
    assert.equal(recordOf('another', [ROWS.up]), undefined);
  });

  it('know Spot, machines without a type, and never another cluster', () => {
    const kind = (text: string) => recordOf('carapace-node', [{ ...ROWS.up, resources_str_full: text }]);
    assert.equal(kind('1x[spot](cpus=2, mem=8, m6i.large, disk=50)')?.useSpot, true);
    assert.equal(kind('1x[spot](cpus=2, mem=8, m6i.large, disk=50)')?.instanceType, 'm6i.large');
    assert.equal(kind('1x(gpus=T4:1, n1-standard-4, disk=50)')?.instanceType, 'n1-standard-4');
    assert.equal(kind('1x(cpus=2, mem=8, disk=50)')?.instanceType, null);
    assert.throws(() => recordOf('carapace-node', [{ ...ROWS.up, status: 'NEW' }]));
    assert.equal(recordOf('carapace-node', [{ name: 'other', status: 'NEW' }]), undefined);
  });

  it('tell the verbs at work on a cluster', () => {
    const row = (name: string, status: string, cluster: string | null) => ({
      request_id: `${name} ${status}`,
      name,
      status,
      cluster_name: cluster,
    });
    const rows = [
      row('sky.launch', 'RUNNING', 'carapace-node'),
      row('sky.start', 'WAITING', 'carapace-node'),
      row('sky.stop', 'SUCCEEDED', 'carapace-node'),
      row('sky.down', 'PENDING', 'other'),
      row('sky.status', 'RUNNING', 'carapace-node'),
      row('sky.status-refresh', 'RUNNING', null),
    ];
    assert.deepEqual(activeOn('carapace-node', rows), [
      { id: 'sky.launch RUNNING', verb: 'launch' },
      { id: 'sky.start WAITING', verb: 'start' },
    ]);
  });
});

/** The lines of a stream that comes in these pieces. */
function linesOf(...pieces: string[]): SkyLine[] {
  const lines: SkyLine[] = [];
  const decoder = new ConsoleDecoder((line) => lines.push(line));
  for (const piece of pieces) decoder.push(piece);
  decoder.end();
  return lines;
}

describe("a launch's stream", () => {
  const whole = linesOf(LAUNCH_STREAM);

  it('becomes few readable phases, each told once', () => {
    const phases = whole.filter((line) => line.phase !== undefined).map((line) => line.text);
    assert.deepEqual(phases, [
      'Waiting for SkyPilot',
      'Choosing a machine',
      'Asking the cloud for the machine',
      'Checking the machine',
      'Waiting for the machine to answer by SSH',
      'Preparing SkyPilot on the machine (1 of 3)',
      'Preparing SkyPilot on the machine (2 of 3)',
      'Preparing SkyPilot on the machine (3 of 3)',
      'Copying files to the machine',
      'Running the setup',
      'Starting what the server runs',
    ]);
    const log = whole.filter((line) => line.phase === undefined).map((line) => line.text);
    assert.ok(log.includes('└── Instance is up.'));
    assert.ok(log.includes('✓ Cluster launched: carapace-node.'));
    assert.ok(!log.some((line) => line.includes('\u001b') || line.includes('sky-payload') || line.trim() === ''));
  });

  it('is the same in any pieces', () => {
    const cuts = fc.array(fc.nat(LAUNCH_STREAM.length), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (places) => {
        const at = [0, ...places.sort((a, b) => a - b), LAUNCH_STREAM.length];
        const pieces = at.slice(1).map((end, index) => LAUNCH_STREAM.slice(at[index], end));
        assert.deepEqual(linesOf(...pieces), whole);
      }),
      { numRuns: 60 },
    );
  });

  it('is told once however often it breaks off', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(LAUNCH_STREAM.length), { maxLength: 5 }), (breaks) => {
        const lines: SkyLine[] = [];
        const decoder = new ConsoleDecoder((line) => lines.push(line));
        for (const end of breaks) {
          decoder.push(LAUNCH_STREAM.slice(0, end));
          decoder.reconnect();
        }
        decoder.push(LAUNCH_STREAM);
        decoder.end();
        assert.deepEqual(lines, whole);
      }),
      { numRuns: 60 },
    );
  });

  it('tells the phases of another attempt again', () => {
    const phase = (text: string) =>
      `<sky-payload>${JSON.stringify(`<rich_update>${text}</rich_update>`)}</sky-payload>\n`;
    const attempt = `⚙︎ Launching on AWS us-east-1.\n${phase('Launching')}${phase('Launching')}`;
    const texts = linesOf(attempt, attempt).map((line) => line.text);
    assert.equal(texts.filter((text) => text === 'Asking the cloud for the machine').length, 2);
  });
});

describe("SkyPilot's exceptions", () => {
  /** Code, cause and message of the typed error. */
  const told = ({ type, message }: { readonly type: string; readonly message: string }) => {
    const error = errorFromSky(type, message);
    return { code: error.code, cause: error.details?.['cause'], message: error.message };
  };

  it('become sentences', () => {
    assert.deepEqual(told(FAILURES.gone), {
      code: 'NOT_FOUND',
      cause: undefined,
      message: 'SkyPilot has no such server any more: it was destroyed, here or elsewhere.',
    });
    assert.deepEqual(told(FAILURES.spotStop), {
      code: 'CONFLICT',
      cause: undefined,
      message:
        'The cloud cannot do this: Stopping spot instances is currently not supported on AWS. Destroying the server always works.',
    });
    assert.deepEqual(told(FAILURES.catalog), {
      code: 'NO_CAPACITY',
      cause: 'catalog',
      message:
        'No cloud offers such a server: Catalog does not contain any instances satisfying the request: 1x AWS(cpus=64+, region=us-east-1). Choose another size, region or cloud.',
    });
    assert.equal(told(FAILURES.noClouds).code, 'NO_CREDENTIALS');
    assert.match(told(FAILURES.noClouds).message, /none has credentials here/);
    assert.match(told(FAILURES.mounts).message, /^A folder of the server is in the way of a vault: /);
    assert.equal(told(FAILURES.mounts).code, 'CONFLICT');
  });

  it('tell capacity, quota and expired credentials apart', () => {
    assert.deepEqual(told(FAILURES.capacity), {
      code: 'NO_CAPACITY',
      cause: 'capacity',
      message:
        'The cloud has no such server free: Failed to acquire resources in all zones in us-east-1 for {AWS(cpus=2+, mem=8+, disk_size=50)}. Try again later, or choose another region, size or cloud.',
    });
    const credentials = told(FAILURES.credentials);
    assert.deepEqual([credentials.code, credentials.cause], ['NO_CREDENTIALS', 'expired']);
    const reason = linesOf(QUOTA_LOG)
      .flatMap((line) => reasonInLine(line.text) ?? [])
      .at(-1);
    const quota = told(withReason(FAILURES.capacity, reason));
    assert.deepEqual([quota.code, quota.cause], ['NO_CAPACITY', 'quota']);
    assert.match(quota.message, /VcpuLimitExceeded: You have requested more vCPU capacity/);
  });

  it('are found in what a command printed', () => {
    assert.equal(printedException(PRINTED.badName)?.type, 'InvalidClusterNameError');
    const error = errorFromCommand('launch the server', { stdout: '', stderr: PRINTED.badName });
    assert.equal(error.code, 'INVALID_INPUT');
    assert.match(error.message, /^The name cannot be used: Cluster name "carapace_node!" is invalid/);
    const missing = "ValueError: File mount source './a' does not exist locally. To fix: check if it exists.\n";
    assert.equal(errorFromCommand('launch the server', { stdout: '', stderr: missing }).code, 'INVALID_INPUT');
    assert.equal(
      errorFromCommand('launch the server', { stdout: '', stderr: 'Aborted!\n' }).message,
      'SkyPilot failed: Aborted! Its log has the details.',
    );
    assert.match(
      errorFromCommand('start the server', { stdout: '', stderr: '' }).message,
      /could not start the server/,
    );
  });

  it('of a refresh that could not ask the cloud are in what it printed', () => {
    assert.throws(
      () => failIfNotRefreshed(NOT_REFRESHED),
      (error) => error instanceof NoCredentialsError && error.details?.['cause'] === 'expired',
    );
    failIfNotRefreshed(LAUNCH_STREAM);
    failIfNotRefreshed('');
  });

  it('of unknown classes are judged by their words', () => {
    assert.equal(errorFromSky('botocore.exceptions.ClientError', '(ExpiredToken) when calling').code, 'NO_CREDENTIALS');
    assert.ok(errorFromSky('RuntimeError', 'Quota exceeded for CPUS') instanceof NoCapacityError);
    assert.match(errorFromSky('RuntimeError', FAILURES.tooOld.message).message, /another version/);
    assert.equal(errorFromSky('KeyError', "'x'").code, 'UNAVAILABLE');
  });
});

describe('a check of the clouds', () => {
  it('says in a line why each cloud cannot be used', () => {
    const { enabled_clouds: enabled, disabled_clouds: disabled } = cloudsInText(CHECK_TEXT);
    assert.deepEqual(enabled, []);
    assert.deepEqual(Object.keys(disabled), ['AWS', 'Azure', 'DO', 'GCP', 'Lambda', 'Nebius', 'RunPod']);
    assert.match(disabled['AWS'] ?? '', /^AWS credentials are not set\. Run: aws configure; aws configure list\. /);
    assert.match(disabled['Azure'] ?? '', /^~\/\.azure\/msal_token_cache\.json does not exist\. Run: az login; /);
    assert.equal(disabled['DO'], "ModuleNotFoundError: No module named 'azure'.");
    assert.match(disabled['Lambda'] ?? '', /go to: https:\/\/cloud\.lambdalabs\.com\/api-keys\.$/);
    for (const reason of Object.values(disabled)) assert.ok(!reason.includes('\n'));
    const traceback =
      '  DO: disabled\n    Reason [compute]: Traceback (most recent call last):\n  File "x"\nKeyError: \'a\'\n';
    assert.deepEqual(cloudsInText(traceback).disabled_clouds, { DO: "SkyPilot could not check it: KeyError: 'a'." });
  });

  it('names the clouds that can run machines', () => {
    const text =
      '\u001b[32m  AWS: enabled [compute, storage]\u001b[0m\n  R2: enabled [storage]\n  GCP: enabled [compute]\n';
    assert.deepEqual(cloudsInText(text).enabled_clouds, ['AWS', 'GCP']);
    assert.deepEqual(cloudsInResult({ default: { AWS: ['compute', 'storage'], R2: ['storage'] } }), ['AWS']);
    assert.deepEqual(cloudsInResult({ default: {} }), []);
    assert.equal(cloudsInResult(null), undefined);
  });
});

describe('stopping', () => {
  it('is up to the cloud', () => {
    assert.equal(canStop('AWS', false), true);
    assert.equal(canStop('aws', true), false);
    assert.equal(canStop('GCP', true), true);
    assert.equal(canStop('Slurm', false), false);
    assert.equal(canStop('Kubernetes', false), false);
    assert.equal(canStop('Lambda', false), false);
  });
});
