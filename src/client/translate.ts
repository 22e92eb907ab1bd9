/** How texts for a person are made; `vscode.l10n.t` in the extension. */

/** Returns the text in the person's language, with `{0}`, `{1}` … replaced by the values. */
export type Translate = (message: string, ...values: (string | number)[]) => string;
