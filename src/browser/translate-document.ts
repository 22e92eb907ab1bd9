/** The texts that stand in a page's HTML, in the reader's language. */
import { isEnglish, speak, t } from './language.ts';

/** What of an element a person reads or hears besides its text. */
const ATTRIBUTES = ['aria-label', 'placeholder', 'title'] as const;

/** Chooses the page's language, and says in it what its HTML says. To be called before anything is put into the page. */
export function translateDocument(wanted: readonly string[]): void {
  document.documentElement.lang = speak(wanted);
  if (isEnglish()) return;
  for (const element of document.querySelectorAll<HTMLElement>('title, body, body :not(script, noscript)')) {
    for (const name of ATTRIBUTES) {
      const text = element.getAttribute(name);
      if (text !== null) element.setAttribute(name, t(text));
    }
    if (element.translate) translateText(element);
  }
}

/**
 * Elements inside of a sentence are its places: `{0}`, `{1}` … in their order. `tools/l10n` finds the sentences by the
 * same rule. @see findHtmlTexts
 */
function translateText(element: HTMLElement): void {
  const { children, childNodes } = element;
  const parts = [...childNodes].filter((node) => node.nodeType !== Node.COMMENT_NODE);
  const places = [...children];
  const text = parts
    .map((node) => (node instanceof Element ? `{${places.indexOf(node)}}` : (node.textContent ?? '')))
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
  if (!/\p{L}/u.test(text)) return;
  const pieces = t(text, ...places.map((_, index) => `{${index}}`)).split(/\{(\d+)\}/);
  element.replaceChildren(...pieces.map((piece, index) => (index % 2 === 0 ? piece : (places[Number(piece)] ?? ''))));
}
