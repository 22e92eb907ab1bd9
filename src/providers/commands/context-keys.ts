/** The keys that `when` clauses of the manifest read, and the only place where they are set. */
import type * as vscode from 'vscode';
import type { ConnectionKind } from '../model/connection-status.ts';

export interface ContextKeys {
  readonly 'carapace.connection': ConnectionKind;
}

export const CONTEXT_DEFAULTS: ContextKeys = { 'carapace.connection': 'searching' };

/** Sets context keys, each only when it changes. */
export class Context {
  readonly #vs: Pick<typeof vscode, 'commands'>;
  readonly #values = new Map<string, unknown>();

  constructor(vs: Pick<typeof vscode, 'commands'>) {
    this.#vs = vs;
    this.set(CONTEXT_DEFAULTS);
  }

  set(values: Partial<ContextKeys>): void {
    for (const [key, value] of Object.entries(values)) {
      if (this.#values.get(key) === value) continue;
      this.#values.set(key, value);
      void this.#vs.commands.executeCommand('setContext', key, value);
    }
  }
}
