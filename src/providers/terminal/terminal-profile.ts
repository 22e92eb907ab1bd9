/** The profile "Seat terminal" in VS Code's own list of terminals. */
import type * as vscode from 'vscode';
import type { Picker } from '../commands/pick.ts';
import type { SeatTerminals } from './seat-terminals.ts';

/** As the manifest has it. */
export const PROFILE_ID = 'carapace.seat';

export interface TerminalProfileParts {
  readonly vs: typeof vscode;
  readonly picker: Pick<Picker, 'seat'>;
  readonly terminals: Pick<SeatTerminals, 'another'>;
  readonly onError: (error: unknown) => void;
}

/** Asks for the seat where there are several; nothing opens where a person chooses none. */
export function registerTerminalProfile({ vs, picker, terminals, onError }: TerminalProfileParts): vscode.Disposable {
  return vs.window.registerTerminalProfileProvider(PROFILE_ID, {
    provideTerminalProfile: async () => {
      try {
        const chosen = await picker.seat({}, 'openable');
        return chosen && new vs.TerminalProfile(terminals.another(chosen.workshop.id, chosen.seat));
      } catch (error) {
        onError(error);
        return undefined;
      }
    },
  });
}
