/** The texts that stand in a page's HTML, found as `src/browser/translate-document.ts` finds them in a browser. */

/** What a person reads or hears of an element besides its text. */
const ATTRIBUTE = /\s(?:aria-label|placeholder|title)="([^"]*)"/g;
const VOID = new Set(['br', 'hr', 'img', 'input', 'link', 'meta']);
const UNTOLD = new Set(['head', 'html', 'script', 'style']);
const PIECE =
  /<!--[^]*?-->|<!doctype[^>]*>|<(?<end>\/?)(?<tag>[a-z][a-z0-9]*)(?<attributes>[^>]*?)\/?>|(?<text>[^<]+)/giy;

interface OpenElement {
  readonly tag: string;
  readonly isUntold: boolean;
  text: string;
  places: number;
}

/**
 * Elements inside of a sentence are its places: `{0}`, `{1}` … in their order. What is inside of `<noscript>` nothing can
 * translate, so it is there in each language; what says `translate="no"` stays as it is.
 * @throws Error for HTML that is not as plain as ours: each element ended, each character itself
 */
export function findHtmlTexts(html: string): string[] {
  const found: string[] = [];
  const open: OpenElement[] = [{ tag: '', isUntold: true, text: '', places: 0 }];
  const top = (): OpenElement => open.at(-1) ?? fail('something is ended twice');
  let isInNoscript = false;
  PIECE.lastIndex = 0;
  for (let match = PIECE.exec(html); match !== null; match = PIECE.exec(html)) {
    const { tag, end, attributes = '', text } = match.groups ?? {};
    if (tag === 'noscript') isInNoscript = end === '';
    if (isInNoscript || tag === 'noscript') continue;
    if (text !== undefined) top().text += text;
    if (tag === undefined) continue;
    if (end === '/') {
      const closed = open.pop();
      if (closed?.tag !== tag) fail(`</${tag}> ends nothing`);
      else if (!closed.isUntold) found.push(closed.text.replace(/\s+/g, ' ').trim());
      continue;
    }
    for (const [, value = ''] of attributes.matchAll(ATTRIBUTE)) found.push(value);
    top().text += `{${top().places}}`;
    top().places += 1;
    const isUntold = UNTOLD.has(tag) || attributes.includes('translate="no"');
    if (!VOID.has(tag)) open.push({ tag, isUntold, text: '', places: 0 });
  }
  if (open.length > 1) fail(`<${top().tag}> has no end`);
  const texts = found.filter((text) => /\p{L}/u.test(text));
  const coded = texts.find((text) => text.includes('&'));
  if (coded !== undefined) fail(`"${coded}" has a character that is not itself`);
  return texts;
}

function fail(why: string): never {
  throw new Error(`The HTML of a page cannot be read: ${why}.`);
}
