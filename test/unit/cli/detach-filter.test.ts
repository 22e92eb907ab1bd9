import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { DetachFilter } from '../../../src/cli/detach-filter.ts';
import { parseJoinLink } from '../../../src/protocol/join-link.ts';
import { InvalidInputError } from '../../../src/protocol/errors.ts';

/** What is forwarded until the keys are pressed, with `!` where they are. */
function type(...pieces: string[]): string {
  const filter = new DetachFilter();
  let all = '';
  for (const piece of pieces) {
    const { forward, detach } = filter.push(Buffer.from(piece, 'latin1'));
    all += Buffer.from(forward).toString('latin1');
    if (detach) return `${all}!`;
  }
  return all;
}

describe('DetachFilter', () => {
  it('knows the keys, however they come', () => {
    assert.equal(type('~.'), '!');
    assert.equal(type('ls\r~.x'), 'ls\r!');
    assert.equal(type('ls\n', '~', '.'), 'ls\n!');
    assert.equal(type('ls ~.'), 'ls ~.');
    assert.equal(type('\r~/bin\r'), '\r~/bin\r');
    assert.equal(type('\r~~.'), '\r~.');
    assert.equal(type('~\r~.'), '~\r!');
  });

  it('changes nothing else, and not by how the typing is cut', () => {
    const text = fc.string({ unit: fc.constantFrom('~', '.', '\r', 'a', '\u00e9'), maxLength: 12 });
    fc.assert(
      fc.property(text, (typed) => {
        assert.equal(type(...Array.from(typed)), type(typed));
        if (!typed.includes('~')) assert.equal(type(typed), typed);
      }),
    );
  });
});

describe('parseJoinLink', () => {
  it('reads links and codes as people have them', () => {
    const rejoinCode = undefined;
    assert.deepEqual(parseJoinLink(' abcd-2345 '), { server: undefined, code: 'ABCD2345', rejoinCode });
    const server = 'https://class.example.org:8443';
    assert.deepEqual(parseJoinLink(`${server}/join#ABCD-2345`), { server, code: 'ABCD2345', rejoinCode });
    assert.deepEqual(parseJoinLink(`${server}/base/join/#abcd2345`), {
      server: `${server}/base`,
      code: 'ABCD2345',
      rejoinCode,
    });
    assert.deepEqual(parseJoinLink(`${server}/join#ABCD-2345.own-CODE_1`), {
      server,
      code: 'ABCD2345',
      rejoinCode: 'own-CODE_1',
    });
    for (const wrong of [
      '',
      'x',
      'ABCD',
      `${server}/join#ABCD-2345.`,
      `${server}/join#ABCD-2345.a.b`,
      `${server}/join#`,
      `${server}/join#ABCD`,
      `${server}/#ABCD2345`,
      'join#%E0',
    ]) {
      assert.throws(() => parseJoinLink(wrong), InvalidInputError);
    }
  });
});
