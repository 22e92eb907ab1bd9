/** That every text of the extension and of the pages is translated, with the same places for what is put into it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { findHtmlTexts } from '../../../tools/l10n/html-texts.ts';
import { findStrings } from '../../../tools/l10n/strings.ts';
import { findUntold } from '../../../tools/l10n/untold.ts';

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

  it('are looked up when they are said, for a page chooses its language first', () => {
    assert.deepEqual(found.early, []);
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

describe('the texts of HTML', () => {
  it('are sentences whose elements are places, and what is read of elements', () => {
    const html = `<!doctype html><html lang="en"><head><title>A title</title><meta name="x" /></head><body>
      <!-- no text --><p>Press <kbd title="A key">Ctrl</kbd> or
        <b id="b"></b>.</p><input placeholder="Your name" value="no text" /><p translate="no">carapace</p><p>1 / 2</p>
      <noscript><p lang="en">English</p><p lang="de">Deutsch</p></noscript></body></html>`;
    assert.deepEqual(findHtmlTexts(html).sort(), ['A key', 'A title', 'Ctrl', 'Press {0} or {1}.', 'Your name']);
  });

  it('are not guessed at', () => {
    for (const html of ['<p>one', '<p>one</b>', '</p>', '<p>R&amp;D</p>'])
      assert.throws(() => findHtmlTexts(html), /cannot be read/, html);
  });

  it('are there in each language where no script can translate them', () => {
    for (const file of globSync('media/browser/*.html')) {
      const [, told = ''] = /<noscript>([^]*)<\/noscript>/.exec(readFileSync(file, 'utf8')) ?? [];
      const languages = [...told.matchAll(/<p lang="(\w+)">/g)].map(([, language]) => language);
      assert.deepEqual(languages, ['en', ...LANGUAGES], file);
    }
  });
});

describe('the texts of the pages', () => {
  /** For machines. */
  const NO_TEXTS = [
    'Bearer {}',
    'Canvas',
    'CanvasText',
    'Highlight',
    'HighlightText',
    "carapace join '{}'",
    'icon folder',
    'title, body, body :not(script, noscript)',
    'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
  ];

  it('are all said in the language of the reader', () => {
    const untold = findUntold(globSync('src/browser/**/*.ts'));
    assert.deepEqual(untold.map((found) => found.replace(/^.*?: /, '')).sort(), NO_TEXTS);
  });
});
