/** Questions in the middle of the page. */
import { button, make } from './dom.ts';
import { t } from './language.ts';

export interface Question {
  readonly title: string;
  readonly text?: string;
  /** What can be answered besides Cancel; none where something is only told. */
  readonly choices?: readonly string[];
  /** A line to be shown, or to be changed where `label` says what it is. */
  readonly value?: string;
  readonly label?: string;
  /** Why a line is no answer; undefined where it is one. */
  readonly check?: (line: string) => string | undefined;
}

/** Asks with buttons. @returns the choice; undefined where the person has none */
export function ask(question: Question): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { title, text, choices = [], value } = question;
    let answer: string | undefined;
    const choose = (choice: string) => () => {
      answer = choice;
      dialog.close();
    };
    const cancel = button(choices.length === 0 ? t('Close') : t('Cancel'), () => dialog.close());
    const dialog = openDialog(title, () => resolve(answer));
    if (text !== undefined) dialog.append(make('p', { textContent: text }));
    if (value !== undefined) dialog.append(make('input', { value, readOnly: true, ariaLabel: title }));
    const buttons = make('div', { className: 'actions' });
    buttons.append(...choices.map((choice) => button(choice, choose(choice))), cancel);
    dialog.append(buttons);
    dialog.showModal();
  });
}

/** Asks for a line. @returns undefined where the person has none */
export function askLine(question: Question & { readonly label: string }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { title, label, value = '', check = () => undefined, choices = [t('OK')] } = question;
    let answer: string | undefined;
    const dialog = openDialog(title, () => resolve(answer));
    const input = make('input', { value, spellcheck: false, autocomplete: 'off' });
    const problem = make('p', { className: 'error', role: 'alert' });
    const form = make('form', {}, make('label', {}, label, input), problem);
    const send = make('button', { type: 'submit', textContent: choices[0] ?? t('OK') });
    form.append(
      make(
        'div',
        { className: 'actions' },
        send,
        button(t('Cancel'), () => dialog.close()),
      ),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      problem.textContent = check(input.value) ?? '';
      if (problem.textContent !== '') return;
      answer = input.value;
      dialog.close();
    });
    dialog.append(form);
    dialog.showModal();
    selectStem(input);
  });
}

/** A new name mostly keeps its ending. */
function selectStem(input: HTMLInputElement): void {
  const dot = input.value.lastIndexOf('.');
  input.setSelectionRange(0, dot > 0 ? dot : input.value.length);
}

function openDialog(title: string, onClose: () => void): HTMLDialogElement {
  const dialog = make('dialog', { ariaLabel: title }, make('h2', { textContent: title }));
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  return dialog;
}
