/** The header of the seat's page. */
import { byId } from '../dom.ts';
import { t } from '../language.ts';
import type { TerminalState } from '../../client/terminal/reconnect-state.ts';
import type { OwnSeat } from './own-seat.ts';
import { connectionText, timeText } from './texts.ts';

/** The time that is left is told anew so often, in milliseconds. */
const TICK_MS = 15_000;

export interface HeaderActions {
  readonly copyLink: () => void;
  readonly leave: () => void;
}

export class Header {
  readonly #copy = byId('copy-link', HTMLButtonElement);
  readonly #leave = byId('leave', HTMLButtonElement);
  #own: OwnSeat | undefined;

  constructor({ copyLink, leave }: HeaderActions) {
    this.#copy.addEventListener('click', copyLink);
    this.#leave.addEventListener('click', leave);
    for (const made of [this.#copy, this.#leave]) made.hidden = false;
    setInterval(() => this.#showTime(), TICK_MS);
  }

  show(own: OwnSeat, terminal: TerminalState | undefined): void {
    this.#own = own;
    const { workshop_name, seat, name } = own.kept;
    document.title = t('{0} · seat {1}', workshop_name, seat);
    setText('workshop', workshop_name);
    setText('who', name === '' ? t('Seat {0}', seat) : t('Seat {0} · {1}', seat, name));
    setText('connection', connectionText(own.status.kind, terminal));
    byId('connection', HTMLElement).dataset['state'] = own.status.kind === 'stale' ? 'reconnecting' : (terminal ?? '');
    this.#showTime();
  }

  /** Nothing of it is true any more. */
  over(): void {
    this.#own = undefined;
    for (const id of ['time', 'connection']) setText(id, '');
    for (const made of [this.#copy, this.#leave]) made.hidden = true;
  }

  /** Says it to whoever looks, and to whoever listens. */
  say(sentence: string): void {
    setText('said', sentence);
  }

  #showTime(): void {
    const view = this.#own?.view;
    setText('time', view === undefined ? '' : timeText(view, Date.now()));
  }
}

/** What stays as it is must not be read out again. */
function setText(id: string, text: string): void {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}
