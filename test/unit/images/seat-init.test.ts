import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

describe('the root program of a seat', () => {
  it('passes its own tests', function () {
    this.timeout(30_000);
    const tests = join(import.meta.dirname, 'seat_init_test.py');
    const { status, stderr } = spawnSync('python3', ['-B', tests], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^Ran [1-9]\d* tests/m);
  });
});
