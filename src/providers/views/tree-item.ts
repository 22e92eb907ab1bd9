/** Rows of the models as VS Code's tree items. */
import type * as vscode from 'vscode';
import { nodeId, type Fact, type Row, type RowIcon, type TreeNode } from '../model/nodes.ts';

type Vs = Pick<typeof vscode, 'MarkdownString' | 'ThemeColor' | 'ThemeIcon' | 'TreeItem'>;

export function themeIcon(
  vs: Pick<typeof vscode, 'ThemeColor' | 'ThemeIcon'>,
  { id, color }: RowIcon,
): vscode.ThemeIcon {
  return color === undefined ? new vs.ThemeIcon(id) : new vs.ThemeIcon(id, new vs.ThemeColor(color));
}

/** The tooltip is made later, when somebody asks for it: {@link tooltip}. */
export function treeItem(
  vs: Vs,
  node: TreeNode,
  row: Row,
  collapsible: vscode.TreeItemCollapsibleState,
): vscode.TreeItem {
  const item = new vs.TreeItem(row.label, collapsible);
  item.id = nodeId(node);
  item.description = row.description;
  item.iconPath = themeIcon(vs, row.icon);
  item.contextValue = row.flags.join(' ');
  item.accessibilityInformation = { label: row.spoken };
  return item;
}

/** Facts as a Markdown list. Names and messages come from people, so they are escaped; nothing in it is trusted. */
export function tooltip(
  vs: Pick<typeof vscode, 'MarkdownString'>,
  title: string,
  facts: readonly Fact[],
): vscode.MarkdownString {
  const text = new vs.MarkdownString();
  text.appendMarkdown('**').appendText(title).appendMarkdown('**\n\n');
  for (const [name, value] of facts) {
    text.appendMarkdown('- ').appendText(`${name}: `).appendText(value).appendMarkdown('\n');
  }
  return text;
}
