/** Several questions in a row, with Back, by VS Code's input boxes and pick lists. */
import type * as vscode from 'vscode';
import { Disposer } from '../disposer.ts';

/** What a question comes to: an answer, a step back, or no more questions. */
export type Answer<T> = { readonly kind: 'answer'; readonly value: T } | { readonly kind: 'back' | 'cancelled' };

export interface Place {
  readonly title: string;
  /** This question's number, from 1. */
  readonly step: number;
  readonly totalSteps: number;
}

export interface TextQuestion extends Place {
  readonly prompt: string;
  readonly value: string;
  readonly placeholder?: string;
  /** Why a text cannot be taken; undefined where it can. */
  readonly refuse: (text: string) => string | undefined;
}

export interface ChoiceQuestion<T extends vscode.QuickPickItem> extends Place {
  readonly placeholder: string;
  readonly items: readonly T[];
  /** The one that Enter takes; without it the first one. */
  readonly active?: T | undefined;
}

type Vs = Pick<typeof vscode, 'window' | 'QuickInputButtons'>;

/** Asks for a text; Enter takes what stands there. */
export function askText(vs: Vs, question: TextQuestion): Promise<Answer<string>> {
  const box = vs.window.createInputBox();
  box.prompt = question.prompt;
  box.value = question.value;
  box.placeholder = question.placeholder;
  return ask(vs, box, question, (answer) => [
    box.onDidChangeValue((text) => (box.validationMessage = question.refuse(text))),
    box.onDidAccept(() => {
      box.validationMessage = question.refuse(box.value);
      if (box.validationMessage === undefined) answer(box.value);
    }),
  ]);
}

/** Asks for one of several items. */
export function askChoice<T extends vscode.QuickPickItem>(vs: Vs, question: ChoiceQuestion<T>): Promise<Answer<T>> {
  const list = vs.window.createQuickPick<T>();
  list.items = question.items;
  list.placeholder = question.placeholder;
  if (question.active !== undefined) list.activeItems = [question.active];
  return ask(vs, list, question, (answer) => [
    list.onDidAccept(() => {
      const [chosen] = list.selectedItems;
      if (chosen !== undefined) answer(chosen);
    }),
  ]);
}

function ask<T>(
  vs: Vs,
  input: vscode.InputBox | vscode.QuickPick<vscode.QuickPickItem>,
  place: Place,
  listen: (answer: (value: T) => void) => vscode.Disposable[],
): Promise<Answer<T>> {
  input.title = place.title;
  input.step = place.step;
  input.totalSteps = place.totalSteps;
  input.ignoreFocusOut = true;
  input.buttons = place.step > 1 ? [vs.QuickInputButtons.Back] : [];
  const open = new Disposer();
  return new Promise<Answer<T>>((resolve) => {
    open.add(input);
    for (const listener of listen((value) => resolve({ kind: 'answer', value }))) open.add(listener);
    open.add(input.onDidTriggerButton(() => resolve({ kind: 'back' })));
    open.add(input.onDidHide(() => resolve({ kind: 'cancelled' })));
    input.show();
  }).finally(() => open.dispose());
}
