/**
 * What the oldest browsers that the page is for do not have: Chrome and Edge 109, Firefox 115, Safari 16.4. Imported first,
 * for its effect. The build lowers the syntax; `tsconfig.json` admits no newer part of the language than what is here.
 */

/** See `Promise.withResolvers` (Firefox 121, Safari 17.4, Chrome 119). */
export function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: PromiseWithResolvers<T>['resolve'] = () => undefined;
  let reject: PromiseWithResolvers<T>['reject'] = () => undefined;
  const promise = new Promise<T>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}

/**
 * See `AbortSignal.any` (Firefox 124, Safari 17.4, Chrome 116). What is made stays in memory for as long as a signal that it
 * was made of and that never ends: little for each request, in browsers that become fewer.
 */
export function anySignal(signals: Iterable<AbortSignal>): AbortSignal {
  const ended = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) {
      ended.abort(signal.reason);
      break;
    }
    signal.addEventListener('abort', () => ended.abort(signal.reason), { signal: ended.signal });
  }
  return ended.signal;
}

/** See `URL.canParse` (Safari 17, Chrome 120). */
export function canParse(url: string, base?: string): boolean {
  try {
    return new URL(url, base) instanceof URL;
  } catch {
    return false;
  }
}

/** See `String.prototype.isWellFormed` (Firefox 119, Chrome 111). */
export function isWellFormed(this: string): boolean {
  return !/\p{Surrogate}/u.test(this);
}

/** The attributes of these properties of elements, which Firefox has since 119. */
export const REFLECTED = {
  role: 'role',
  ariaExpanded: 'aria-expanded',
  ariaHidden: 'aria-hidden',
  ariaLabel: 'aria-label',
  ariaPressed: 'aria-pressed',
} as const;

/** Gives elements a property that is an attribute. */
export function reflect(prototype: object, property: string, attribute: string): void {
  fillIn(prototype, property, {
    get(this: Element) {
      return this.getAttribute(attribute);
    },
    set(this: Element, value: string | null) {
      if (value === null) this.removeAttribute(attribute);
      else this.setAttribute(attribute, value);
    },
  });
}

function fillIn(owner: object, name: string, descriptor: PropertyDescriptor): void {
  if (!(name in owner)) Object.defineProperty(owner, name, { configurable: true, ...descriptor });
}

fillIn(Promise, 'withResolvers', { value: withResolvers });
fillIn(AbortSignal, 'any', { value: anySignal });
fillIn(URL, 'canParse', { value: canParse });
fillIn(String.prototype, 'isWellFormed', { value: isWellFormed });
// Unit tests have no elements.
if (typeof Element !== 'undefined')
  for (const [property, attribute] of Object.entries(REFLECTED)) reflect(Element.prototype, property, attribute);
