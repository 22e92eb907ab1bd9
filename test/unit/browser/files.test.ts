import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { bytesOf, editable } from '../../../src/browser/files/editable-text.ts';
import { isWithin, joinPath, nameOf, parentOf, shownName } from '../../../src/client/file-paths.ts';
import { nameProblem, savedName, trailOf } from '../../../src/browser/files/paths.ts';
import { controlCharacter } from '../../../src/browser/seat/control-character.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a text that is edited', () => {
  it('comes back byte for byte, or is not edited at all', () => {
    const pieces = fc.array(fc.constantFrom('a', 'ä😀', '\n', '\r\n', '\r', '\u0000', '\ufeff', ' '), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(pieces, (parts) => {
        const bytes = encode(parts.join(''));
        const content = editable(bytes);
        if (typeof content === 'string') return;
        // As a <textarea> does.
        const shown = content.text.replace(/\r\n?/g, '\n');
        assert.deepEqual(bytesOf(shown, content.lineEnd), bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('is told from what is none', () => {
    assert.equal(editable(Uint8Array.of(0xff, 0x41)), 'binary');
    assert.equal(editable(encode('a\0b')), 'binary');
    assert.equal(editable(encode('a\r\nb\n')), 'mixed-lines');
    assert.equal(editable(encode('a\rb')), 'mixed-lines');
    assert.deepEqual(editable(encode('a\r\nb')), { text: 'a\nb', lineEnd: '\r\n' });
    assert.deepEqual(editable(encode('')), { text: '', lineEnd: '\n' });
  });
});

describe('paths of files', () => {
  it('are put together and taken apart', () => {
    for (const folder of ['', 'a', 'a/b #%']) {
      const path = joinPath(folder, 'x y');
      assert.equal(parentOf(path), folder);
      assert.equal(nameOf(path), 'x y');
      assert.ok(isWithin(path, folder));
    }
    assert.ok(!isWithin('ab', 'a'));
    assert.deepEqual(trailOf('a/b'), [
      { name: 'Files', path: '' },
      { name: 'a', path: 'a' },
      { name: 'b', path: 'a/b' },
    ]);
  });

  it('hide nothing, and are no trouble for the machine that saves them', () => {
    assert.equal(shownName('a\nb\u007f\u001b[31m'), 'a␊b␡␛[31m');
    assert.equal(savedName('a\nb/c:d*"e'), 'a_b_c_d__e');
  });

  it('are refused where they cannot be', () => {
    for (const name of ['', '.', '..', 'a/b', 'a\0', 'ä'.repeat(128)])
      assert.notEqual(nameProblem(name), undefined, name);
    for (const name of ['...', 'a b', '#%?', '😀', '-rf', 'ä'.repeat(127)])
      assert.equal(nameProblem(name), undefined, name);
  });
});

describe('Control and a key', () => {
  it('make a character of ASCII', () => {
    assert.equal(controlCharacter('c'), '\x03');
    assert.equal(controlCharacter('C'), '\x03');
    assert.equal(controlCharacter('['), '\x1b');
    assert.equal(controlCharacter('@'), '\0');
    assert.equal(controlCharacter(' '), '\0');
    assert.equal(controlCharacter('?'), '\x7f');
    for (const other of ['1', 'ä', 'cd', '\x1b[A', '']) assert.equal(controlCharacter(other), other);
  });
});
