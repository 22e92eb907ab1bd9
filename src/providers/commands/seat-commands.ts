/** Commands on seats: terminal, files, reset. */
import type * as vscode from 'vscode';
import { NotRunningError } from '../../protocol/errors.ts';
import type { Seat, Workshop } from '../../protocol/workshop.ts';
import { resetLosses } from '../model/losses.ts';
import { SEAT_FLAGS } from '../model/seat-row.ts';
import { seatUriParts } from '../model/seat-uri.ts';
import type { OperationRunner } from '../operation-runner.ts';
import type { SeatTerminals } from '../terminal/seat-terminals.ts';
import { parseTarget } from './arguments.ts';
import { chooseFile, type ListFolder } from './choose-file.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { Picker } from './pick.ts';
import type { CommandHandlers } from './register.ts';

export interface SeatCommandParts {
  readonly vs: typeof vscode;
  readonly operations: OperationRunner;
  readonly picker: Picker;
  readonly terminals: SeatTerminals;
  /** Lists a folder of a seat. */
  readonly list: (workshopId: string, seat: number) => ListFolder;
}

type SeatCommandId = 'carapace.openTerminal' | 'carapace.openFile' | 'carapace.resetSeat';

export function seatCommands(parts: SeatCommandParts): Pick<CommandHandlers, SeatCommandId> {
  return {
    'carapace.openTerminal': (argument) => openTerminal(parts, argument),
    'carapace.openFile': (argument) => openFile(parts, argument),
    'carapace.resetSeat': (argument) => resetSeat(parts, argument),
  };
}

function requireReady({ vs }: SeatCommandParts, { workshop, seat }: { workshop: Workshop; seat: Seat }): void {
  if (SEAT_FLAGS[seat.status].includes('openable')) return;
  throw new NotRunningError(vs.l10n.t('Seat {0} of "{1}" does not run now.', seat.seat, workshop.name));
}

async function openTerminal(parts: SeatCommandParts, argument: unknown): Promise<Outcome> {
  const chosen = await parts.picker.seat(parseTarget(argument), 'openable');
  if (chosen === undefined) return CANCELLED;
  requireReady(parts, chosen);
  const name = parts.terminals.show(chosen.workshop.id, chosen.seat);
  return ok(name);
}

async function openFile(parts: SeatCommandParts, argument: unknown): Promise<Outcome> {
  const { vs, picker, list } = parts;
  const target = parseTarget(argument);
  const chosen = await picker.seat(target, 'openable');
  if (chosen === undefined) return CANCELLED;
  requireReady(parts, chosen);
  const { workshop, seat } = chosen;
  const title = vs.l10n.t('Seat {0}', seat.seat);
  const { path, isNew } =
    target.path === undefined
      ? await chooseFile(vs, title, list(workshop.id, seat.seat))
      : { path: target.path, isNew: false };
  if (path === undefined) return CANCELLED;
  const uri = vs.Uri.from(seatUriParts({ workshop: workshop.id, seat: seat.seat, path }));
  if (isNew && !(await exists(vs, uri))) await vs.workspace.fs.writeFile(uri, new Uint8Array());
  await vs.commands.executeCommand('vscode.open', uri);
  return ok(uri.toString());
}

async function exists(vs: typeof vscode, uri: vscode.Uri): Promise<boolean> {
  return vs.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

async function resetSeat(parts: SeatCommandParts, argument: unknown): Promise<Outcome> {
  const { vs, operations, picker, terminals } = parts;
  const t = vs.l10n.t;
  const target = parseTarget(argument);
  const chosen = await picker.seat(target, 'resettable');
  if (chosen === undefined) return CANCELLED;
  const { workshop, seat } = chosen;
  if (target.confirmed !== true) {
    const yes = t('Reset');
    const question = t('Reset seat {0} of "{1}"?', seat.seat, workshop.name);
    const options = { modal: true, detail: resetLosses(seat, t) };
    if ((await vs.window.showWarningMessage(question, options, yes)) !== yes) return CANCELLED;
  }
  const title = t('Resetting seat {0} of "{1}"', seat.seat, workshop.name);
  const outcome = await operations.run(title, async (client) => ({
    operation: await client.resetSeat(workshop.id, seat.seat),
  }));
  // Its shells are gone with everything else.
  terminals.forget(workshop.id, seat.seat);
  return outcome;
}
