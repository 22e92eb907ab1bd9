/** What stands above everything else on the seat's page. */
import { button } from '../dom.ts';

export interface NoticeAction {
  readonly text: string;
  readonly do: () => void;
}

export class Notice {
  readonly #element: HTMLElement;
  #shown = '';

  constructor(element: HTMLElement) {
    this.#element = element;
  }

  show(sentence: string, ...actions: readonly NoticeAction[]): void {
    // What is said again would be read out again.
    if (sentence === this.#shown) return;
    this.#shown = sentence;
    this.#element.replaceChildren(`${sentence} `, ...actions.map((action) => button(action.text, action.do)));
    this.#element.hidden = false;
  }

  hide(): void {
    this.#shown = '';
    this.#element.hidden = true;
    this.#element.replaceChildren();
  }
}
