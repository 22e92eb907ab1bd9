import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCounter, readCounters } from '../../../../src/agent/limits/counters.ts';

describe('the counters of a group', () => {
  let folder: string;

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-counters-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads a file of one number, and the line of a key that is a part of another', () => {
    const events = 'low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n';
    assert.equal(parseCounter('4096\n'), 4096);
    assert.equal(parseCounter(events, 'oom'), 3);
    assert.equal(parseCounter(events, 'oom_kill'), 2);
    assert.equal(parseCounter(events, 'max'), 7);
  });

  it('has no number for "max", for a key that is missing, and for a file that is', () => {
    assert.equal(parseCounter('max\n'), undefined);
    assert.equal(parseCounter('oom 3\n', 'oom_kill'), undefined);
    assert.equal(parseCounter(''), undefined);
  });

  it('tells all that the kernel counts, by our names', async () => {
    const files = {
      'memory.current': '1000\n',
      'memory.peak': '2000\n',
      'memory.events': 'low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\n',
      'pids.current': '5\n',
      'pids.events': 'max 11\n',
      'cpu.stat': 'usage_usec 300\nuser_usec 200\nsystem_usec 100\nnr_periods 9\nnr_throttled 8\nthrottled_usec 77\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    assert.deepEqual(await readCounters(folder), {
      memory_bytes: 1000,
      memory_peak_bytes: 2000,
      memory_refused: 7,
      oom_kills: 2,
      processes: 5,
      refused_forks: 11,
      cpu_usec: 300,
      throttled_periods: 8,
      throttled_usec: 77,
    });
  });

  it('leaves out what this kernel does not count, and is empty where there is no group', async () => {
    writeFileSync(join(folder, 'pids.current'), '1\n');
    assert.deepEqual(await readCounters(folder), { processes: 1 });
    assert.deepEqual(await readCounters(join(folder, 'gone')), {});
  });
});
