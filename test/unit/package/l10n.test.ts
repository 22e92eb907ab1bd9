/** That every text of the extension is translated, with the same places for what is put into it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { findStrings } from '../../../tools/l10n/strings.ts';

type Bundle = Readonly<Record<string, string>>;

const read = (file: string): Bundle => JSON.parse(readFileSync(file, 'utf8')) as Bundle;
const LANGUAGES = globSync('package.nls.*.json').map((file) => file.split('.')[2] ?? '');
const found = findStrings();

/** `{0}`, and the commands that a text has buttons for. */
function placesOf(text: string): string[] {
  return (text.match(/\{\d\}|\(command:[^)]*\)/g) ?? []).sort();
}

function assertTranslated(original: Bundle, translated: Bundle): void {
  assert.deepEqual(Object.keys(translated).sort(), Object.keys(original).sort());
  for (const [key, text] of Object.entries(original)) {
    const other = translated[key] ?? '';
    assert.notEqual(other.trim(), '', key);
    assert.deepEqual([...new Set(placesOf(other))], [...new Set(placesOf(text))], `${key}: ${other}`);
  }
}

describe('the texts of the extension', () => {
  it('are written out where they are used, so that they can be found', () => {
    assert.deepEqual(found.unclear, []);
    assert.ok(found.texts.size > 300);
  });

  it('are all in the English bundle, and nothing else is (npm run l10n)', () => {
    const bundle = read('l10n/bundle.l10n.json');
    assert.deepEqual(Object.keys(bundle), [...found.texts.keys()].sort());
    for (const [key, text] of Object.entries(bundle)) assert.equal(text, key);
  });

  it('count what is put into them from 0 on', () => {
    for (const text of found.texts.keys()) {
      const numbers = [...new Set(placesOf(text).filter((place) => place.startsWith('{')))];
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => `{${index}}`),
        text,
      );
    }
  });

  it('are there in German at least', () => {
    assert.ok(LANGUAGES.includes('de'));
  });

  for (const language of LANGUAGES) {
    it(`are translated (${language})`, () => {
      assertTranslated(read('l10n/bundle.l10n.json'), read(`l10n/bundle.l10n.${language}.json`));
    });

    it(`are translated in the manifest (${language})`, () => {
      assertTranslated(read('package.nls.json'), read(`package.nls.${language}.json`));
    });
  }
});
