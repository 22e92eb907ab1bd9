/** What to do where a name is taken: a person is asked, and may answer for all that follow. */
import type * as vscode from 'vscode';

export const CONFLICT_ANSWERS = ['replace', 'keep_both', 'skip'] as const;
export type ConflictAnswer = (typeof CONFLICT_ANSWERS)[number];

/** Something that is to be put where something is already. */
export interface Conflict {
  readonly name: string;
  /** Where it is to be, as a person calls it. */
  readonly place: string;
  /** Whether what is there is a folder, which goes with all that is in it. */
  readonly isFolder: boolean;
}

export class Conflicts {
  readonly #vs: Pick<typeof vscode, 'l10n' | 'window'>;
  readonly #several: boolean;
  #forAll: ConflictAnswer | undefined;

  /**
   * @param several whether more than one thing is on its way
   * @param answer where there is nobody to ask
   */
  constructor(vs: Pick<typeof vscode, 'l10n' | 'window'>, several: boolean, answer?: ConflictAnswer) {
    this.#vs = vs;
    this.#several = several;
    this.#forAll = answer;
  }

  /** @throws AbortError where the person gives up on everything */
  async ask({ name, place, isFolder }: Conflict): Promise<ConflictAnswer> {
    if (this.#forAll !== undefined) return this.#forAll;
    const t = this.#vs.l10n.t;
    const titles: Record<ConflictAnswer, string> = {
      replace: t('Replace'),
      keep_both: t('Keep Both'),
      skip: t('Skip'),
    };
    const one = CONFLICT_ANSWERS.map((answer) => ({ title: titles[answer], answer, all: false }));
    const all = [
      { title: t('Replace All'), answer: 'replace' as const, all: true },
      { title: t('Skip All'), answer: 'skip' as const, all: true },
    ];
    const detail = isFolder
      ? t('Replacing the folder deletes all that is in it. This cannot be undone.')
      : t('Replacing the file deletes what is in it. This cannot be undone.');
    const chosen = await this.#vs.window.showWarningMessage(
      t('"{0}" is in {1} already.', name, place),
      { modal: true, detail },
      ...one,
      ...(this.#several ? all : []),
    );
    if (chosen === undefined) throw new DOMException('given up', 'AbortError');
    if (chosen.all) this.#forAll = chosen.answer;
    return chosen.answer;
  }
}
