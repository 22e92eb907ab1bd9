import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoundedOutput } from '../../../src/lib/bounded-output.ts';

describe('an output with a bound', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-bound-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(flags: 'a' | 'w', lines: number): void {
    const descriptor = openSync(join(folder, 'serve.log'), flags);
    const output = new BoundedOutput(descriptor, { write: (text) => writeSync(descriptor, text) }, 1_000);
    for (let line = 0; line < lines; line += 1) output.write(`line ${String(line).padStart(4, '0')}\n`);
    closeSync(descriptor);
  }

  it('goes on anew past it, with one older file, and loses none of the newest lines', () => {
    write('a', 450);
    assert.deepEqual(readdirSync(folder).sort(), ['serve-old.log', 'serve.log']);
    const [older, newer] = ['serve-old.log', 'serve.log'].map((name) => readFileSync(join(folder, name), 'utf8'));
    assert.ok(older !== undefined && newer !== undefined && older.length <= 1_000 && newer.length <= 1_000);
    const lines = `${older}${newer}`.trimEnd().split('\n');
    assert.equal(lines.at(-1), 'line 0449');
    assert.equal(Number(lines.at(-1)?.slice(5)) - Number(lines[0]?.slice(5)), lines.length - 1, 'no line is missing');
  });

  it('begins anew at its start, where the file is too large already', () => {
    writeFileSync(join(folder, 'serve.log'), 'x'.repeat(5_000));
    write('a', 1);
    assert.equal(readFileSync(join(folder, 'serve.log'), 'utf8'), 'line 0000\n');
    assert.equal(readFileSync(join(folder, 'serve-old.log'), 'utf8').length, 5_000);
  });

  it('leaves a file alone that somebody did not open for appending', () => {
    write('w', 450);
    assert.deepEqual(readdirSync(folder), ['serve.log']);
  });
});
