import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, systemPath } from '../../../src/lib/find-program.ts';

describe('finding a program', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-programs-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('takes the first one that can be run, and no folder of its name', () => {
    const [first, second, third] = ['1', '2', '3'].map((name) => join(folder, name));
    for (const one of [first!, second!, third!]) mkdirSync(one);
    mkdirSync(join(first!, 'tool'));
    writeFileSync(join(second!, 'tool'), '');
    chmodSync(join(second!, 'tool'), 0o644);
    writeFileSync(join(third!, 'tool'), '', { mode: 0o755 });
    assert.equal(findProgram('tool', { PATH: [first, second, third].join(':') }), join(third!, 'tool'));
    assert.equal(findProgram('no-such-tool-anywhere', { PATH: folder }), undefined);
  });

  it('looks in the folders of root’s programs last, each once', () => {
    assert.equal(systemPath({ PATH: '/bin:/usr/sbin' }), '/bin:/usr/sbin:/usr/local/sbin:/sbin');
    assert.equal(systemPath({}), '/usr/local/sbin:/usr/sbin:/sbin');
  });
});
