/** Operations on the cloud server: beginning them, waiting for them, and what was changed on the server meanwhile. */
import { Option, type Command } from 'commander';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { serverChangesDetailsSchema, type ServerChange, type ServerChanges } from '../protocol/cluster.ts';
import { ConflictError, InvalidInputError } from '../protocol/errors.ts';
import type { Operation } from '../protocol/operation.ts';
import { ask, canAsk, confirm, isYes } from './ask.ts';
import { clusterSummary, count, named, serverChangesReport } from './cluster-render.ts';
import { Interrupted } from './failures.ts';
import { interruptible } from './interrupt.ts';
import { writeLine, type CliIo } from './io.ts';
import { follow, wantsToWait, withWaitOption, type WaitOptions } from './progress.ts';
import { controlPlane, print, withCommonOptions } from './session.ts';

/** For what can be cancelled: launch, start and sync. */
export const CANCEL = 'To cancel it: carapace cluster cancel';

interface Operating {
  readonly begin: (signal: AbortSignal) => Promise<Operation>;
  /** What a person runs to take it back. */
  readonly undo: string;
  readonly signal: AbortSignal;
}

/** Begins an operation, waits where that is wanted, and prints the cluster as it is then. */
export async function operate(
  io: CliIo,
  client: ControlPlaneClient,
  options: WaitOptions,
  { begin, undo, signal }: Operating,
): Promise<void> {
  const begun = await begin(signal).catch((error: unknown) => {
    if (!(error instanceof Interrupted) || error.message !== '') throw error;
    throw new Interrupted('It may have begun all the same: "carapace cluster status" tells.');
  });
  if (!wantsToWait(io, options)) {
    await print(io, options, { operation: begun }, () => `${begun.title}: ${begun.status} (${begun.id})`);
    return;
  }
  const { operation, client: last } = await follow(io, client, begun, { ...options, undo, tellEnd: true }, signal);
  const cluster = await last.getCluster(signal);
  await print(io, options, { cluster, operation }, () => clusterSummary(cluster));
}

interface ChangesOptions extends WaitOptions {
  readonly keepServerChanges?: true;
  readonly discardServerChanges?: true;
  readonly yes?: true;
}

function withChangesOptions(command: Command): Command {
  return command
    .option('--keep-server-changes', 'first copy into the vaults what was changed on the server')
    .addOption(
      new Option('--discard-server-changes', 'lose what was changed on the server').conflicts('keepServerChanges'),
    );
}

type BeginWith = (changes: ServerChanges | undefined, signal: AbortSignal) => Promise<Operation>;

/**
 * Begins what may lose files that were changed on the server: with the choice that was given, else with the one that
 * somebody makes when the control plane has refused it.
 */
async function beginWithChanges(
  io: CliIo,
  options: ChangesOptions,
  begin: BeginWith,
  signal: AbortSignal,
): Promise<Operation> {
  const given = options.keepServerChanges ? 'keep' : options.discardServerChanges ? 'discard' : undefined;
  try {
    return await begin(given, signal);
  } catch (error) {
    const changes = serverChangesOf(error);
    if (changes === undefined) throw error;
    if (!options.json || canAsk(io)) await writeLine(io.stderr, serverChangesReport(changes));
    if (options.yes === true || !canAsk(io)) throw withAdvice(error as ConflictError, changes);
    return begin(await chooseChanges(io, changes, signal), signal);
  }
}

/** The files that a refusal names; undefined where it was refused for something else. */
function serverChangesOf(error: unknown): readonly ServerChange[] | null | undefined {
  if (!(error instanceof ConflictError)) return undefined;
  const details = serverChangesDetailsSchema.safeParse(error.details);
  return details.success ? details.data.server_changes : undefined;
}

function withAdvice(error: ConflictError, changes: readonly ServerChange[] | null): ConflictError {
  const discard = 'give --discard-server-changes to lose what may have been changed there';
  const both = 'give --keep-server-changes to copy them here first, or --discard-server-changes to lose them';
  const advised = new ConflictError(`${error.message} On the command line: ${changes === null ? discard : both}.`, {
    ...error.details,
  });
  advised.requestId = error.requestId;
  return advised;
}

/** @throws Error where nothing is to be done */
async function chooseChanges(
  io: CliIo,
  changes: readonly ServerChange[] | null,
  signal: AbortSignal,
): Promise<ServerChanges> {
  const nothing = 'Nothing was done.';
  const question =
    changes === null
      ? '[d]iscard what may have been changed there, or [c]ancel? [c] '
      : '[k]eep them by copying them here first, [d]iscard them, or [c]ancel? [c] ';
  const answer = (await ask(io, question, nothing, signal)).toLowerCase();
  if (changes !== null && ['k', 'keep'].includes(answer)) return 'keep';
  if (['d', 'discard'].includes(answer)) return 'discard';
  throw new Error(nothing);
}

function changesField(changes: ServerChanges | undefined): { server_changes?: ServerChanges } {
  return changes === undefined ? {} : { server_changes: changes };
}

export function addStart(cluster: Command, io: CliIo): void {
  const command = cluster.command('start').description('start the stopped server, and copy the vaults to it again');
  withWaitOption(withCommonOptions(command)).action((options: WaitOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      await operate(io, client, options, { begin: (during) => client.startCluster(during), undo: CANCEL, signal });
    }),
  );
}

export function addStop(cluster: Command, io: CliIo): void {
  const command = cluster.command('stop').description('stop the server and keep its disk, which goes on costing');
  withChangesOptions(withWaitOption(withCommonOptions(command), 'always')).action((given: ChangesOptions) =>
    interruptible(async (signal) => {
      const options = { ...given, wait: given.wait ?? true };
      const client = await controlPlane(io, options, signal);
      const stop: BeginWith = (changes, during) => client.stopCluster(changesField(changes), during);
      const begin = (during: AbortSignal): Promise<Operation> => beginWithChanges(io, options, stop, during);
      await operate(io, client, options, { begin, undo: 'To undo it afterwards: carapace cluster start', signal });
    }),
  );
}

export function addDestroy(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('destroy')
    .description('destroy the server with its disk; the vaults on this machine stay')
    .option('--yes', 'do not ask');
  withChangesOptions(withWaitOption(withCommonOptions(command), 'always')).action((given: ChangesOptions) => {
    // Who destroys wants to know that nothing is left, also in a script.
    const options = { ...given, wait: given.wait ?? true };
    if (!options.yes && !canAsk(io)) {
      throw new InvalidInputError('Destroying needs --yes where nobody can be asked.', { path: 'yes' });
    }
    return interruptible((signal) => destroy(io, options, signal));
  });
}

async function destroy(io: CliIo, options: ChangesOptions, signal: AbortSignal): Promise<void> {
  const client = await controlPlane(io, options, signal);
  if (!options.yes) {
    const { name } = await client.getCluster(signal);
    await confirm(io, `Destroy "${name}" with its disk and all files on it?`, 'Nothing was destroyed.', signal);
  }
  const begin: BeginWith = (changes, during) => client.destroyCluster(changesField(changes), during);
  await operate(io, client, options, {
    begin: (during) => beginWithChanges(io, options, begin, during),
    undo: 'Destroying cannot be undone.',
    signal,
  });
}

interface SyncOptions extends ChangesOptions {
  readonly removeDeleted?: boolean;
}

export function addSync(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('sync')
    .description('copy the vaults to the running server again')
    .option('--remove-deleted', 'remove on the server what was removed here')
    .option('--no-remove-deleted', 'leave on the server what was removed here (default, but on a terminal it asks)');
  withChangesOptions(withWaitOption(withCommonOptions(command))).action((options: SyncOptions) =>
    interruptible((signal) => sync(io, options, signal)),
  );
}

async function sync(io: CliIo, options: SyncOptions, signal: AbortSignal): Promise<void> {
  const client = await controlPlane(io, options, signal);
  const remove = options.removeDeleted ?? (canAsk(io) && (await asksToRemove(io, client, signal)));
  const begin: BeginWith = (changes, during) =>
    client.syncCluster({ ...changesField(changes), deletions: remove ? 'remove' : 'keep' }, during);
  await operate(io, client, options, {
    begin: (during) => beginWithChanges(io, options, begin, during),
    undo: CANCEL,
    signal,
  });
}

/** Asks whether what was removed here goes there, too; not where nothing was removed. */
async function asksToRemove(io: CliIo, client: ControlPlaneClient, signal: AbortSignal): Promise<boolean> {
  const vaults = await client.inspectVaults(undefined, signal);
  const removed = vaults.filter((vault) => (vault.removed?.count ?? 0) > 0);
  if (removed.length === 0) return false;
  for (const { vault, removed: files } of removed) {
    if (files === null) continue;
    await writeLine(
      io.stderr,
      `Vault ${vault}: ${count(files.count, 'file was', 'files were')} removed: ${named(files)}`,
    );
  }
  const question = 'Remove them on the server, too? [y/N] ';
  return isYes(await ask(io, question, 'Nothing was copied or removed.', signal));
}
