/** The texts of the extension as they stand in its source: every call of a translating function `t`. */
import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

/** Texts by where they are used first; `unclear` are calls whose text is not written out, which no tool could find. */
export interface Strings {
  readonly texts: ReadonlyMap<string, string>;
  readonly unclear: readonly string[];
}

/** Reads all of `src`. `vscode.l10n.t` itself, and what is handed around as `t`, count. */
export function findStrings(): Strings {
  const texts = new Map<string, string>();
  const unclear: string[] = [];
  for (const file of globSync('src/**/*.ts').sort()) {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && isTranslation(node.expression)) {
        const place = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
        const [text] = node.arguments;
        if (text === undefined || !ts.isStringLiteralLike(text)) unclear.push(place);
        else if (!texts.has(text.text)) texts.set(text.text, place);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { texts, unclear };
}

function isTranslation(called: ts.Expression): boolean {
  return ts.isIdentifier(called)
    ? called.text === 't'
    : ts.isPropertyAccessExpression(called) && called.name.text === 't';
}
