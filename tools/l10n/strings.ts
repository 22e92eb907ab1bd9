/** The texts of the extension and of the pages for browsers, as they stand in their source. */
import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { findHtmlTexts } from './html-texts.ts';

/**
 * Texts by where they are used first. Two kinds of calls are mistakes: in `unclear` ones the text is not written out, so
 * that no tool could find it; `early` ones of a page run when their module is loaded, before a language is chosen.
 */
export interface Strings {
  readonly texts: ReadonlyMap<string, string>;
  readonly unclear: readonly string[];
  readonly early: readonly string[];
}

/** All that has texts: the manifest's are in files of their own. */
export function sourceFiles(): string[] {
  return [...globSync('src/**/*.ts'), ...globSync('media/browser/*.html')].sort();
}

/**
 * Reads every call of a translating function `t`: `vscode.l10n.t` itself, what is handed around as `t`, and the pages' own;
 * and what pages say in their HTML.
 */
export function findStrings(files: readonly string[] = sourceFiles()): Strings {
  const texts = new Map<string, string>();
  const unclear: string[] = [];
  const early: string[] = [];
  const add = (text: string, place: string) => texts.set(text, texts.get(text) ?? place);
  for (const file of files) {
    const content = readFileSync(file, 'utf8');
    if (file.endsWith('.html')) {
      for (const text of findHtmlTexts(content)) add(text, file);
      continue;
    }
    const source = ts.createSourceFile(file, content, ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && isTranslation(node.expression)) {
        const place = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
        const [text] = node.arguments;
        if (text !== undefined && ts.isStringLiteralLike(text)) add(text.text, place);
        // The texts of the HTML are found there.
        else if (!file.endsWith('browser/translate-document.ts')) unclear.push(place);
        if (ts.findAncestor(node, isRunLater) === undefined) early.push(place);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { texts, unclear, early };
}

function isTranslation(called: ts.Expression): boolean {
  return ts.isIdentifier(called)
    ? called.text === 't'
    : ts.isPropertyAccessExpression(called) && called.name.text === 't';
}

/** Whether what is inside runs when something is called or made. */
function isRunLater(node: ts.Node): boolean {
  return ts.isFunctionLike(node) || ts.isPropertyDeclaration(node);
}
