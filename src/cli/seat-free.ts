/** `carapace seat free` and `carapace workshop learners`: who has which seat, and taking one away. */
import type { Command } from 'commander';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { InvalidInputError, NotFoundError } from '../protocol/errors.ts';
import type { Learner, Workshop } from '../protocol/workshop.ts';
import { parseSeat } from './arguments.ts';
import { canAsk, confirm } from './ask.ts';
import { findWorkshop } from './find-workshop.ts';
import { interruptible } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { follow, wantsToWait, withWaitOption, type WaitOptions } from './progress.ts';
import { localTime, table } from './render.ts';
import { controlPlane, print, withCommonOptions, type CommonOptions } from './session.ts';

/** Adds both to the commands that exist. */
export function addLearnerCommands(program: Command, io: CliIo): void {
  const group = (name: string): Command => {
    const found = program.commands.find((command) => command.name() === name);
    if (found === undefined) throw new Error(`there is no command ${name}`);
    return found;
  };
  addLearners(group('workshop'), io);
  addFree(group('seat'), io);
}

function addLearners(workshop: Command, io: CliIo): void {
  const command = workshop
    .command('learners')
    .description('list who has joined a workshop')
    .argument('<workshop>', 'id or name');
  withCommonOptions(command).action((idOrName: string, options: CommonOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const { id, name } = await findWorkshop(client, idOrName, signal);
      const learners = await client.listLearners(id, signal);
      await print(io, options, { learners }, () => listing(name, learners));
    }),
  );
}

function listing(name: string, learners: readonly Learner[]): string {
  if (learners.length === 0) return `Nobody has joined "${name}" yet.`;
  return table(
    ['SEAT', 'LEARNER', 'JOINED', 'CONNECTED'],
    learners.map(({ seat, name, joined_at, connected }) => [
      String(seat),
      name,
      localTime(joined_at),
      connected ? 'yes' : 'no',
    ]),
  );
}

interface FreeOptions extends WaitOptions {
  readonly yes?: true;
}

function addFree(seat: Command, io: CliIo): void {
  const command = seat
    .command('free')
    .summary('take a seat from its learner, with all that was done in it')
    .description('take a seat from its learner, with all that was done in it; somebody else can join then')
    .argument('<workshop>', 'id or name')
    .argument('<seat>', 'its number')
    .option('--yes', 'do not ask');
  withWaitOption(withCommonOptions(command)).action((idOrName: string, seatText: string, options: FreeOptions) =>
    interruptible(async (signal) => {
      const number = parseSeat(seatText);
      if (!options.yes && !canAsk(io)) {
        throw new InvalidInputError('Freeing a seat needs --yes where nobody can be asked.', { path: 'yes' });
      }
      const client = await controlPlane(io, options, signal);
      const workshop = await findWorkshop(client, idOrName, signal);
      if (!options.yes) await confirmFreeing(io, client, workshop, number, signal);
      const begun = await client.freeSeat(workshop.id, number, signal);
      const undo = 'It cannot be undone.';
      const operation = wantsToWait(io, options)
        ? (await follow(io, client, begun, { ...options, undo }, signal)).operation
        : begun;
      await print(io, options, { operation }, () => `${operation.title}: ${operation.status} (${operation.id})`);
    }),
  );
}

async function confirmFreeing(
  io: CliIo,
  client: ControlPlaneClient,
  { id, name }: Workshop,
  seat: number,
  signal: AbortSignal,
): Promise<void> {
  const learner = (await client.listLearners(id, signal)).find((one) => one.seat === seat);
  if (learner === undefined) throw new NotFoundError(`Nobody has seat ${seat} of workshop "${name}".`);
  const question = `Take seat ${seat} of "${name}" from ${learner.name}, and delete all files in it?`;
  await confirm(io, question, 'Nothing was changed.', signal);
}
