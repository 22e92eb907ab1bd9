/** The keys that `when` clauses of the manifest read, and the only place where they are set. */
import type * as vscode from 'vscode';
import type { ShownStatus } from '../model/cluster-row.ts';
import type { ConnectionKind } from '../model/connection-status.ts';

export interface ContextKeys {
  readonly 'carapace.connection': ConnectionKind;
  /**
   * The server's status; `unknown` until it has been told. Not called `carapace.server`: inside a view's tree VS Code
   * gives the key of the view's id the value true.
   */
  readonly 'carapace.serverStatus': ShownStatus;
  /** Whether somebody has joined a workshop with this editor. */
  readonly 'carapace.hasJoined': boolean;
  /** Whether this editor teaches: its control plane has a workshop. */
  readonly 'carapace.hasWorkshops': boolean;
}

export const CONTEXT_DEFAULTS: ContextKeys = {
  'carapace.connection': 'searching',
  'carapace.serverStatus': 'unknown',
  'carapace.hasJoined': false,
  'carapace.hasWorkshops': false,
};

/** Sets context keys, each only when it changes. */
export class Context {
  readonly #vs: Pick<typeof vscode, 'commands'>;
  readonly #values = new Map<string, unknown>();

  constructor(vs: Pick<typeof vscode, 'commands'>) {
    this.#vs = vs;
    this.set(CONTEXT_DEFAULTS);
  }

  /** A key as it was set last. */
  get(key: keyof ContextKeys): unknown {
    return this.#values.get(key);
  }

  set(values: Partial<ContextKeys>): void {
    for (const [key, value] of Object.entries(values)) {
      if (this.#values.get(key) === value) continue;
      this.#values.set(key, value);
      void this.#vs.commands.executeCommand('setContext', key, value);
    }
  }
}
