import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { idSchema, newCode, newId, normaliseCode, randomText, showCode } from '../../../src/protocol/names.ts';

describe('codes and ids', () => {
  it('reads a code however it was typed', () => {
    const code = newCode();
    assert.match(code, /^[2-9A-HJKMNP-Z]{8}$/);
    const shown = showCode(code);
    assert.match(shown, /^.{4}-.{4}$/);
    for (const typed of [code, shown, shown.toLowerCase(), ` ${shown} `, code.split('').join(' ')]) {
      assert.equal(normaliseCode(typed), code);
    }
  });

  it('refuses what cannot be a code', () => {
    for (const typed of ['', 'ABC', 'ABCD-EFG0', 'ABCD-EFGI', 'ABCDEFGHJ', 'ÄBCD-EFGH']) {
      assert.equal(normaliseCode(typed), undefined, typed);
    }
  });

  it('makes ids that are safe in paths and URLs, and do not repeat', () => {
    const ids = new Set(Array.from({ length: 2000 }, () => newId('ws')));
    assert.equal(ids.size, 2000);
    for (const id of ids) assert.ok(idSchema.safeParse(id).success, id);
  });

  it('draws every letter about equally often', () => {
    const counts = new Map<string, number>();
    for (const letter of randomText(31_000)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    assert.equal(counts.size, 31);
    for (const [letter, count] of counts) assert.ok(count > 750 && count < 1250, `${letter}: ${count}`);
  });
});
