/** `npm run l10n`: brings the bundles of `l10n/` in line with the source, and names what is left to be translated. */
import { readFileSync, writeFileSync } from 'node:fs';
import { findStrings } from './strings.ts';

const LANGUAGES = ['de'];

const { texts } = findStrings();
const sorted = [...texts.keys()].sort();

function write(file: string, entries: readonly (readonly [string, string])[]): void {
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
}

write(
  'l10n/bundle.l10n.json',
  sorted.map((text) => [text, text]),
);
for (const language of LANGUAGES) {
  const file = `l10n/bundle.l10n.${language}.json`;
  const known = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  const missing = sorted.filter((text) => known[text] === undefined);
  write(
    file,
    sorted.flatMap((text) => (known[text] === undefined ? [] : [[text, known[text]] as const])),
  );
  for (const text of missing) process.stdout.write(`${language}: ${JSON.stringify(text)} (${texts.get(text)})\n`);
  if (missing.length > 0) process.exitCode = 1;
}
