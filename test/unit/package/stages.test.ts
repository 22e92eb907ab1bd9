import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'mocha';

function check(...names: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, ['test/run.ts', '--check', ...names], { encoding: 'utf8' });
}

describe('the names of the stages of bin/test', function () {
  this.timeout(60_000);

  it('are known before anything is installed for them', () => {
    assert.equal(check().status, 0);
    assert.equal(check('unit', 'e2e').status, 0);
    const wrong = check('unit', 'nope');
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /no stage "nope"\. The stages are: format, .*ui\.\n$/);
  });
});
