/** Links that open this editor: `SCHEME://carapace.carapace/join?server=…#CODE`. */
import type * as vscode from 'vscode';

/** Hands a link on. Whatever a browser opens is asked about before it does anything. */
export function joinUriHandler(join: (argument: { link: string; ask: true }) => void): vscode.UriHandler {
  return {
    handleUri: ({ scheme, authority, path, query, fragment }) =>
      join({ link: `${scheme}://${authority}${path}?${query}#${fragment}`, ask: true }),
  };
}
