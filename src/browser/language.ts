/** The language that the pages speak: the first of the browser's that there are texts in, else English. */
import german from '../../l10n/bundle.l10n.de.json' with { type: 'json' };
import type { Translate } from '../client/translate.ts';

/** Texts by their English ones. The bundles are the extension's; the build leaves of them what a page says. */
type Texts = Readonly<Record<string, string>>;

/** By their primary subtags (BCP 47). */
const LANGUAGES: Readonly<Record<string, Texts>> = { en: {}, de: german };

interface Language {
  readonly code: string;
  /** How numbers and times are written: with the region, such as `de-AT`. */
  readonly locale: string;
  readonly texts: Texts;
}

let spoken = chosen([]);

/**
 * Speaks that language from now on; what was said before stays as it is.
 * @param wanted tags of languages, the one that the person likes best first: `navigator.languages`
 * @returns the language that was chosen, such as `de`
 */
export function speak(wanted: readonly string[]): string {
  spoken = chosen(wanted);
  return spoken.code;
}

/** How numbers and times are written in the language that is spoken. */
export function locale(): string {
  return spoken.locale;
}

/** Whether that is what servers speak. */
export function isEnglish(): boolean {
  return spoken.code === 'en';
}

/** The text in the language that is spoken; English where it has none. Not to be kept: it may be another later. */
export const t: Translate = (message, ...values) => {
  const text = spoken.texts[message] ?? message;
  return text.replace(/\{(\d+)\}/g, (_whole, index: string) => shown(values[Number(index)] ?? ''));
};

function shown(value: string | number): string {
  return typeof value === 'number' ? new Intl.NumberFormat(spoken.locale).format(value) : value;
}

function chosen(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const [code = ''] = tag.toLowerCase().split('-');
    const texts = Object.hasOwn(LANGUAGES, code) ? LANGUAGES[code] : undefined;
    if (texts !== undefined) return { code, locale: isValid(tag) ? tag : code, texts };
  }
  return { code: 'en', locale: 'en', texts: {} };
}

/** Browsers have been seen to want `en-US@posix`. */
function isValid(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}
