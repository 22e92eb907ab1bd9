/** Commands on the terminals of seats, besides opening one's own. */
import type * as vscode from 'vscode';
import { NotFoundError } from '../../protocol/errors.ts';
import type { TerminalSessions } from '../../protocol/terminal.ts';
import type { SeatTerminals } from '../terminal/seat-terminals.ts';
import { parseTarget } from './arguments.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { Picker } from './pick.ts';
import type { CommandHandlers } from './register.ts';

export interface TerminalCommandParts {
  readonly vs: typeof vscode;
  readonly picker: Pick<Picker, 'seat'>;
  readonly terminals: Pick<SeatTerminals, 'sessions' | 'watch'>;
}

/** Until the seat has said which shells it has, in milliseconds. */
const LIST_DEADLINE_MS = 15_000;

type Session = TerminalSessions['sessions'][number];

export function terminalCommands(parts: TerminalCommandParts): Pick<CommandHandlers, 'carapace.watchTerminal'> {
  return { 'carapace.watchTerminal': (argument) => watch(parts, argument) };
}

async function watch(parts: TerminalCommandParts, argument: unknown): Promise<Outcome> {
  const { vs, picker, terminals } = parts;
  const chosen = await picker.seat(parseTarget(argument), 'openable');
  if (chosen === undefined) return CANCELLED;
  const { workshop, seat } = chosen;
  const sessions = await terminals.sessions(workshop.id, seat.seat, AbortSignal.timeout(LIST_DEADLINE_MS));
  if (sessions.length === 0)
    throw new NotFoundError(
      vs.l10n.t('Nobody has a terminal in seat {0} of "{1}". Open one yourself.', seat.seat, workshop.name),
    );
  const session = await choose(parts, sessions);
  return session === undefined ? CANCELLED : ok(terminals.watch(workshop.id, seat, session.id));
}

/** A single one is no question. */
async function choose({ vs }: TerminalCommandParts, sessions: readonly Session[]): Promise<Session | undefined> {
  const [only, ...others] = sessions;
  if (others.length === 0) return only;
  const { t } = vs.l10n;
  const items = sessions.map((value, index) => ({
    label: value.title === '' ? t('Terminal {0}', index + 1) : value.title,
    description: t('since {0} · {1} connected', new Date(value.created_at).toLocaleTimeString(), value.viewers),
    value,
  }));
  const placeHolder = t('Which terminal? The one that was used last comes first.');
  return (await vs.window.showQuickPick(items, { placeHolder, matchOnDescription: true }))?.value;
}
