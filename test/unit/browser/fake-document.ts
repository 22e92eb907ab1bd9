/** As much of a page as its parts need to be made and pressed, without a browser. */

export class FakeElement extends EventTarget {
  readonly children: (FakeElement | string)[] = [];
  readonly tag: string;
  readonly dataset: Record<string, string> = {};
  readonly classList = { toggle: () => undefined };
  readonly files: readonly File[] = [];
  textContent = '';
  value = '';
  hidden = false;
  disabled = false;
  selectionStart = 0;
  selectionEnd = 0;
  scrollTop = 0;
  #parent: FakeElement | undefined;

  constructor(tag: string) {
    super();
    this.tag = tag;
  }

  append(...children: (FakeElement | string)[]): void {
    for (const child of children) this.#put(child, null);
  }

  insertBefore(child: FakeElement, next: FakeElement | null): void {
    this.#put(child, next);
  }

  replaceChildren(...children: (FakeElement | string)[]): void {
    for (const child of [...this.children]) if (typeof child !== 'string') child.remove();
    this.children.length = 0;
    this.append(...children);
  }

  /** An element is in one place: it leaves the one where it was. */
  #put(child: FakeElement | string, next: FakeElement | null): void {
    if (typeof child !== 'string') {
      child.remove();
      child.#parent = this;
    }
    const at = next === null ? this.children.length : this.children.indexOf(next);
    this.children.splice(at, 0, child);
  }

  setAttribute(): void {
    return undefined;
  }

  contains(other: FakeElement | null): boolean {
    return other !== null && (other === this || this.all().includes(other));
  }

  remove(): void {
    const siblings = this.#parent?.children ?? [];
    if (siblings.includes(this)) siblings.splice(siblings.indexOf(this), 1);
    this.#parent = undefined;
  }

  setSelectionRange(start: number, end: number): void {
    [this.selectionStart, this.selectionEnd] = [start, end];
  }

  focus(): void {
    return undefined;
  }

  showModal(): void {
    return undefined;
  }

  close(): void {
    this.dispatchEvent(new Event('close'));
  }

  /** Everything below it, in order. */
  all(): FakeElement[] {
    return this.children.flatMap((child) => (typeof child === 'string' ? [] : [child, ...child.all()]));
  }

  /** Presses the button with that text. */
  press(text: string): void {
    const found = this.all().find((element) => element.tag === 'button' && element.textContent === text);
    if (found === undefined) throw new Error(`There is no button "${text}".`);
    found.dispatchEvent(new Event('click'));
  }

  /** The only element of that kind. */
  one(tag: string): FakeElement {
    const [found, ...others] = this.all().filter((element) => element.tag === tag);
    if (found === undefined || others.length > 0) throw new Error(`There is not one <${tag}>.`);
    return found;
  }
}

export const fakeDocument = {
  body: new FakeElement('body'),
  activeElement: null,
  createElement: (tag: string) => new FakeElement(tag),
};

/** Puts it in the place of the browser's. @returns takes it away again */
export function installFakeDocument(): () => void {
  fakeDocument.body = new FakeElement('body');
  Object.assign(globalThis, { document: fakeDocument, HTMLElement: FakeElement });
  return () => {
    for (const name of ['document', 'HTMLElement']) Reflect.deleteProperty(globalThis, name);
  };
}
