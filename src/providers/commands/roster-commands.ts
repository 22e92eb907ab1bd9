/** Commands of teachers on who has joined: see the learners, and free a seat. */
import type * as vscode from 'vscode';
import type { Learner, Workshop } from '../../protocol/workshop.ts';
import { ConflictError } from '../../protocol/errors.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { formatMoment } from '../../client/format.ts';
import { freeLosses } from '../model/losses.ts';
import { isFreeable } from '../model/seat-row.ts';
import type { OperationRunner } from '../operation-runner.ts';
import type { SeatTerminals } from '../terminal/seat-terminals.ts';
import { parseTarget } from './arguments.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { Picker } from './pick.ts';
import type { CommandHandlers } from './register.ts';

export interface RosterCommandParts {
  readonly vs: typeof vscode;
  readonly service: ControlPlaneService;
  readonly operations: OperationRunner;
  readonly picker: Picker;
  readonly terminals: Pick<SeatTerminals, 'forget'>;
}

export function rosterCommands(
  parts: RosterCommandParts,
): Pick<CommandHandlers, 'carapace.showLearners' | 'carapace.freeSeat'> {
  return {
    'carapace.showLearners': (argument) => showLearners(parts, argument),
    'carapace.freeSeat': (argument) => freeSeat(parts, argument),
  };
}

/** Lists who has joined; choosing one opens the terminal of their seat. */
async function showLearners({ vs, service, picker }: RosterCommandParts, argument: unknown): Promise<Outcome> {
  const target = parseTarget(argument);
  const workshop = await picker.workshop(target, 'joinable');
  if (workshop === undefined) return CANCELLED;
  const learners = await (await service.client()).listLearners(workshop.id);
  // Asked by another program, which chooses for itself.
  if (target.confirmed === true) return ok(learners);
  const chosen = await chooseLearner(vs, workshop, learners);
  if (chosen === undefined) return CANCELLED;
  await vs.commands.executeCommand('carapace.openTerminal', { workshop: workshop.id, seat: chosen.seat });
  return ok(learners);
}

async function chooseLearner(
  { l10n, window }: typeof vscode,
  workshop: Workshop,
  learners: readonly Learner[],
): Promise<Learner | undefined> {
  const t = l10n.t;
  const now = Date.now();
  const items = learners.map((learner) => {
    const joined = t('joined {0}', formatMoment(Date.parse(learner.joined_at), now));
    const state = learner.connected ? t('connected') : t('not connected');
    return { label: learner.name, description: t('seat {0} · {1} · {2}', learner.seat, state, joined), learner };
  });
  const title = t('{0}: {1} of {2} seats are taken', workshop.name, learners.length, workshop.seats);
  const placeHolder = items.length === 0 ? t('Nobody has joined yet.') : t('Whose terminal do you want to open?');
  return (await window.showQuickPick(items, { title, placeHolder, matchOnDescription: true }))?.learner;
}

async function freeSeat(parts: RosterCommandParts, argument: unknown): Promise<Outcome> {
  const { vs, operations, picker, terminals } = parts;
  const t = vs.l10n.t;
  const target = parseTarget(argument);
  const chosen = await picker.seat(target, 'freeable');
  if (chosen === undefined) return CANCELLED;
  const { workshop, seat } = chosen;
  if (!isFreeable(seat)) throw new ConflictError(t('Nobody has joined seat {0} of "{1}".', seat.seat, workshop.name));
  if (target.confirmed !== true) {
    const yes = t('Free Seat');
    const question = t('Free seat {0} of "{1}"?', seat.seat, workshop.name);
    const options = { modal: true, detail: freeLosses(seat, t) };
    if ((await vs.window.showWarningMessage(question, options, yes)) !== yes) return CANCELLED;
  }
  const title = t('Freeing seat {0} of "{1}"', seat.seat, workshop.name);
  const outcome = await operations.run(title, async (client) => ({
    operation: await client.freeSeat(workshop.id, seat.seat),
  }));
  // Its shells are gone with everything else.
  terminals.forget(workshop.id, seat.seat);
  return outcome;
}
