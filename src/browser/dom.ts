/** Small helpers for the page's elements. */

/** The element of the page with that id. @throws Error where the page and the script do not fit together */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no such element: ${id}`);
}

type Properties<K extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[K], 'style' | 'dataset' | 'children'>
>;

/** Makes an element; what a person wrote goes in as text only. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties<K> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A button that does something, with a label for whoever cannot see what is on it. */
export function button(text: string, onPress: () => void, label?: string): HTMLButtonElement {
  const made = make('button', { type: 'button', textContent: text });
  if (label !== undefined) made.ariaLabel = label;
  made.addEventListener('click', onPress);
  return made;
}
