/** Waiting for an operation, with its phases on standard error. */
import type { Command } from 'commander';
import { isSameConnection, type Connection } from '../client/connection.ts';
import { ControlPlaneClient } from '../client/control-plane.ts';
import { CrashLoopError, MAX_RESTARTS } from '../client/restarts.ts';
import { waitForOperation } from '../client/wait.ts';
import { InternalError, errorFromInfo } from '../protocol/errors.ts';
import type { CarapaceEvent } from '../protocol/event.ts';
import type { Operation } from '../protocol/operation.ts';
import { Interrupted } from './failures.ts';
import type { CliIo } from './io.ts';
import { successor } from './own-control-plane.ts';
import type { CommonOptions } from './session.ts';

export interface WaitOptions extends CommonOptions {
  readonly wait?: boolean;
}

export function withWaitOption(command: Command, when = 'on a terminal'): Command {
  return command
    .option('--wait', `show progress until the operation has ended (default ${when})`)
    .option('--no-wait', 'return as soon as the operation has begun');
}

export function wantsToWait(io: CliIo, options: WaitOptions): boolean {
  return options.wait ?? io.stdout.isTTY === true;
}

export interface FollowOptions extends WaitOptions {
  /** What a person runs to take it back, for who presses Ctrl-C. */
  readonly undo: string;
  /** Whether the line that closes the operation is told, too. */
  readonly tellEnd?: boolean;
}

export interface Followed {
  readonly operation: Operation;
  /** The control plane that saw the end. */
  readonly client: ControlPlaneClient;
}

/**
 * Waits until the operation has succeeded. This machine's own control plane is started again where it has ended, but
 * for one that a person has started, and goes on with the operation.
 * @throws the operation's error; Interrupted on Ctrl-C, and the operation goes on; InternalError where the control plane
 * dies of it each time
 */
export async function follow(
  io: CliIo,
  first: ControlPlaneClient,
  operation: Operation,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<Followed> {
  let client = first;
  let known: Connection | undefined;
  const next = options.server === undefined ? await successor(io) : undefined;
  const renew = async (): Promise<ControlPlaneClient> => {
    const found = await next?.(signal);
    if (found === undefined || (known !== undefined && isSameConnection(known, found))) return client;
    known = found;
    return (client = new ControlPlaneClient(found));
  };
  const onEvent = (event: CarapaceEvent): void => {
    const isTold = event.type === 'progress' || (options.tellEnd === true && event.type === 'complete');
    if (!options.json && isTold) io.stderr.write(`${lineOf(event)}\n`);
  };
  let ended: Operation;
  try {
    ended = await waitForOperation(client, operation.id, { signal, onEvent, renew });
  } catch (error) {
    if (error instanceof CrashLoopError) throw crashLoop(operation, options, error);
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`${operation.title} (${operation.id}) goes on. ${options.undo}`);
  }
  if (ended.status === 'succeeded') return { operation: ended, client };
  throw failureOf(ended);
}

function lineOf(event: CarapaceEvent): string {
  return event.phase === undefined ? event.message : `${event.phase}: ${event.message}`;
}

function crashLoop({ title, id, subject }: Operation, { server, undo }: FollowOptions, cause: Error): InternalError {
  const logs = server === undefined ? 'See carapace logs.' : `See the logs of ${server}.`;
  return new InternalError(
    `${title} (${id}) gets no further, so it is not waited for any more: the control plane was started again ` +
      `${MAX_RESTARTS} times, and ended each time. ${logs} ${undo}`,
    { operation_id: id, subject },
    { cause },
  );
}

function failureOf(operation: Operation): Error {
  if (operation.error !== null) {
    const details = { ...operation.error.details, operation_id: operation.id, subject: operation.subject };
    return errorFromInfo({ ...operation.error, details });
  }
  const how = operation.status === 'cancelled' ? 'was cancelled' : 'failed';
  return new InternalError(`${operation.title} ${how}.`, { operation_id: operation.id });
}
