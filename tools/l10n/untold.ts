/** Finds what looks like a text for a person and does not go through a translating function. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** A word with a capital, or two words. */
const LIKE_A_TEXT = /^\p{Lu}\p{Ll}|\p{L}[,.]? \p{L}/u;

/** Whatever is written out in those files, with its place, but what is given to `t` or `new Error`, or imported. */
export function findUntold(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const found: string[] = [];
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (isTold(node)) return;
      const text = ts.isTemplateExpression(node)
        ? [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('{}')
        : ts.isStringLiteralLike(node)
          ? node.text
          : '';
      if (LIKE_A_TEXT.test(text)) found.push(`${file}: ${text}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

/** Whether its strings are translated, or not for whoever reads the page. */
function isTold(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return true;
  if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return false;
  return ts.isIdentifier(node.expression) && ['t', 'Error'].includes(node.expression.text);
}
