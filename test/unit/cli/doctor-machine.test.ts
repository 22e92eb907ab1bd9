import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonFinding, examineMachine, machineText, nodeFinding } from '../../../src/cli/doctor/machine.ts';
import { VERSION } from '../../../src/lib/version.ts';
import { run } from './run.ts';

describe('what the doctor says of the machine', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-doctor-'));
  });
  afterEach(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
  });

  it('is that all is well, and as JSON nothing else', async () => {
    const { stdout, code } = await run(['doctor', 'machine', '--json'], { CARAPACE_HOME: folder });
    const { machine } = JSON.parse(stdout) as { machine: { what: string; ok: boolean }[] };
    assert.deepEqual(
      machine.map(({ what, ok }) => [what, ok]),
      ['node', 'state_folder', 'disk', 'store', 'control_plane', 'port'].map((what) => [what, true]),
    );
    assert.equal(code, 0);
  });

  it('says what to do about a state folder that is none, and ends with 1', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { stdout, code } = await run(['doctor', 'machine'], { CARAPACE_HOME: join(file, 'below') });
    assert.match(stdout, /State folder +BAD +.*below cannot be written \(ENOTDIR\)\n +Make it a folder/);
    assert.equal(code, 1);
  });

  it('knows an old Node, and a control plane of another version', async () => {
    assert.deepEqual(
      [nodeFinding('v22.18.0').ok, nodeFinding('v22.19.0').ok, nodeFinding('v24.0.0').ok],
      [false, true, true],
    );
    const url = 'http://127.0.0.1:1';
    assert.equal(daemonFinding({ url, version: VERSION }).ok, true);
    assert.match(
      machineText([daemonFinding({ url, version: '0.0.1' })]),
      /Control plane +BAD .*version 0\.0\.1\n +This is version/,
    );
    assert.ok((await examineMachine(folder)).length === 6);
  });
});
