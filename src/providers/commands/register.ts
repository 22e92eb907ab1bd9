/** The only place where commands are registered. */
import type * as vscode from 'vscode';
import { infoFromError } from '../../protocol/errors.ts';
import { Disposer } from '../disposer.ts';
import { COMMAND_IDS, type CommandId } from './command-ids.ts';
import { CANCELLED, isAbort, type Outcome } from './outcome.ts';

/**
 * Takes what a tree row or another program passes: a row's node, or an object such as
 * `{ workshop: 'ws-7k2m9xq4', seat: 1, confirmed: true }`. Without one it asks. `selected`: all rows that are selected,
 * where VS Code tells them.
 */
export type CommandHandler = (argument: unknown, selected?: unknown) => Promise<Outcome>;

export type CommandHandlers = Record<CommandId, CommandHandler>;

/** Registers all commands. An error is told to `onError`, with a way to run the command again, and to the caller. */
export function registerCommands(
  vs: Pick<typeof vscode, 'commands'>,
  handlers: CommandHandlers,
  onError: (error: unknown, runAgain: () => void) => void,
): Disposer {
  const run = async (id: CommandId, argument: unknown, selected?: unknown): Promise<Outcome> => {
    try {
      return await handlers[id](argument, selected);
    } catch (error) {
      if (isAbort(error)) return CANCELLED;
      onError(error, () => void run(id, undefined));
      return { status: 'error', error: infoFromError(error) };
    }
  };
  const registered = new Disposer();
  for (const id of COMMAND_IDS) {
    registered.add(
      vs.commands.registerCommand(id, (argument: unknown, selected: unknown) => run(id, argument, selected)),
    );
  }
  return registered;
}
