/** Keys that the keyboard of a tablet has not. */
import { button } from '../dom.ts';
import { t } from '../language.ts';
import { controlCharacter } from './control-character.ts';
import type { Screen } from './screen.ts';

export class TouchKeys {
  readonly #control: HTMLButtonElement;
  #isControl = false;

  /** Shown where the person points with a finger. @param type into the terminal */
  constructor(host: HTMLElement, screen: Screen, type: (data: string) => void) {
    const key = (text: string, label: string, data: () => string) => button(text, () => type(data()), label);
    this.#control = button(t('Ctrl'), () => this.#setControl(!this.#isControl), t('Control, for the next key'));
    this.#setControl(false);
    const paste = button(t('Paste'), () => {
      navigator.clipboard.readText().then(
        (text) => screen.paste(text),
        () => undefined,
      );
    });
    host.append(
      key(t('Esc'), t('Escape'), () => '\x1b'),
      key(t('Tab'), t('Tab'), () => '\t'),
      this.#control,
      key('↑', t('Up'), () => screen.arrow('A')),
      key('↓', t('Down'), () => screen.arrow('B')),
      key('←', t('Left'), () => screen.arrow('D')),
      key('→', t('Right'), () => screen.arrow('C')),
    );
    // Firefox lets a page read the clipboard since 125.
    if (isSecureContext && 'readText' in navigator.clipboard) host.append(paste);
    // The keyboard on the screen stays only while the terminal has the focus.
    host.addEventListener('pointerdown', (event) => event.preventDefault());
    host.hidden = !matchMedia('(pointer: coarse)').matches;
  }

  /** What is typed, with Control where that was pressed before. */
  apply(data: string): string {
    if (!this.#isControl) return data;
    this.#setControl(false);
    return controlCharacter(data);
  }

  #setControl(isOn: boolean): void {
    this.#isControl = isOn;
    this.#control.ariaPressed = String(isOn);
  }
}
