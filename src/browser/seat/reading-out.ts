/** The button that makes the terminal readable to a screen reader; what was chosen is kept. */
import type { Screen } from './screen.ts';

const KEY = 'carapace.screenReader';

export function offerReadingOut(press: HTMLButtonElement, screen: Screen): void {
  const show = (isOn: boolean) => {
    screen.isReadOut = isOn;
    press.ariaPressed = String(isOn);
  };
  show(kept() === 'on');
  press.addEventListener('click', () => {
    show(!screen.isReadOut);
    try {
      localStorage.setItem(KEY, screen.isReadOut ? 'on' : 'off');
    } catch {
      // Then it is asked for again next time.
    }
  });
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
