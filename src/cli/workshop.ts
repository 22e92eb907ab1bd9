/** `carapace workshop …` */
import type { Command } from 'commander';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import { formatJoinLink } from '../protocol/join-link.ts';
import { showCode } from '../protocol/names.ts';
import type { Operation } from '../protocol/operation.ts';
import {
  EXPIRES_IN_MINUTES,
  RUNTIMES,
  createWorkshopSchema,
  extendWorkshopSchema,
  type Workshop,
} from '../protocol/workshop.ts';
import { numeric, parseRequest } from './arguments.ts';
import { canAsk, confirm } from './ask.ts';
import { findWorkshop } from './find-workshop.ts';
import { interruptible } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { follow, wantsToWait, withWaitOption, type Followed, type WaitOptions } from './progress.ts';
import { localTime, seatsAre, table, yaml } from './render.ts';
import { controlPlane, print, withCommonOptions, type CommonOptions } from './session.ts';

interface CreateOptions extends WaitOptions {
  readonly seats: string;
  readonly runtime?: string;
  readonly expiresIn?: string;
  readonly start: boolean;
}

export function addWorkshopCommands(program: Command, io: CliIo): void {
  const workshop = program.command('workshop').description('make, see and end workshops');
  addCreate(workshop, io);
  addList(workshop, io);
  addShow(workshop, io);
  addStart(workshop, io);
  addStop(workshop, io);
  addExtend(workshop, io);
  addDelete(workshop, io);
}

function addCreate(workshop: Command, io: CliIo): void {
  const { default: minutes, min, max } = EXPIRES_IN_MINUTES;
  const command = workshop
    .command('create')
    .description('make a workshop; without a name it is called by its code')
    .argument('[name]', 'what it is called: 1 to 64 characters')
    .requiredOption('--seats <number>', 'how many people can join: 1 to 500')
    .option('--runtime <runtime>', `what a seat runs on: ${RUNTIMES.join(', ')}`)
    .option('--expires-in <minutes>', `when it stops by itself: ${min} to ${max}, default ${minutes}`)
    .option('--no-start', 'only write it down; start it later');
  withWaitOption(withCommonOptions(command)).action((name: string | undefined, options: CreateOptions) =>
    interruptible((signal) => create(io, name, options, signal)),
  );
}

async function create(io: CliIo, name: string | undefined, options: CreateOptions, signal: AbortSignal): Promise<void> {
  const request = parseRequest(createWorkshopSchema, {
    ...(name !== undefined && { name }),
    seats: numeric(options.seats),
    ...(options.runtime !== undefined && { runtime: options.runtime }),
    ...(options.expiresIn !== undefined && { expires_in_minutes: numeric(options.expiresIn) }),
    ...(!options.start && { start: false }),
  });
  const client = await controlPlane(io, options, signal);
  const created = await client.createWorkshop(request, { signal });
  const { workshop } = created;
  if (created.operation === null || !wantsToWait(io, options)) {
    await print(io, options, created, () => summary(workshop, client));
    return;
  }
  const undo = `To undo it: carapace workshop delete ${workshop.id} --yes`;
  const followed = await follow(io, client, created.operation, { ...options, undo }, signal);
  const value = await workshopWithSeats(followed, workshop.id, signal);
  await print(io, options, value, () => summary(value.workshop, followed.client));
}

function summary(workshop: Workshop, { url }: ControlPlaneClient): string {
  const { name, id, status, code, join_link: link } = workshop;
  const line = `Workshop "${name}" (${id}): ${status}, ${seatCount(workshop)}, ${seatsAre(workshop)}, code ${showCode(code)}`;
  if (status !== 'running' && status !== 'provisioning') return line;
  return `${line}\n${link === undefined ? 'Join link on this machine' : 'Join link'}: ${link ?? formatJoinLink(url, code)}`;
}

function seatCount({ seats }: Workshop): string {
  return seats === 1 ? '1 seat' : `${seats} seats`;
}

async function workshopWithSeats({ client, operation }: Followed, id: string, signal: AbortSignal) {
  const [workshop, seats] = await Promise.all([client.getWorkshop(id, signal), client.listSeats(id, signal)]);
  return { workshop, operation, seats };
}

function addList(workshop: Command, io: CliIo): void {
  const command = workshop.command('list').description('list all workshops');
  withCommonOptions(command).action((options: CommonOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const workshops = await client.listWorkshops(signal);
      await print(io, options, { workshops }, () => listing(workshops));
    }),
  );
}

function listing(workshops: readonly Workshop[]): string {
  if (workshops.length === 0) return 'No workshops. Make one: carapace workshop create Intro --seats 3';
  return table(
    ['ID', 'NAME', 'STATUS', 'SEATS', 'CODE', 'RUNTIME', 'ENDS'],
    workshops.map((workshop) => [
      workshop.id,
      workshop.name,
      workshop.status,
      String(workshop.seats),
      showCode(workshop.code),
      seatsAre(workshop),
      workshop.status === 'stopped' ? '-' : localTime(workshop.expires_at),
    ]),
  );
}

function addShow(workshop: Command, io: CliIo): void {
  const command = workshop
    .command('show')
    .description('show one workshop with its seats')
    .argument('<workshop>', 'id or name');
  withCommonOptions(command).action((idOrName: string, options: CommonOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const found = await findWorkshop(client, idOrName, signal);
      const seats = options.json ? [] : await client.listSeats(found.id, signal);
      await print(io, options, { workshop: found }, () =>
        yaml({ ...found, code: showCode(found.code), seats_are: seatsAre(found), seats }),
      );
    }),
  );
}

type Begin = (client: ControlPlaneClient, workshop: Workshop, signal: AbortSignal) => Promise<Operation>;

/** Begins an operation on a workshop, waits where that is wanted, and prints the workshop as it is then. */
function operate(
  io: CliIo,
  idOrName: string,
  options: WaitOptions,
  begin: Begin,
  undo: (workshop: Workshop) => string,
): Promise<void> {
  return interruptible(async (signal) => {
    const client = await controlPlane(io, options, signal);
    const found = await findWorkshop(client, idOrName, signal);
    const begun = await begin(client, found, signal);
    if (!wantsToWait(io, options)) {
      await print(io, options, { operation: begun }, () => `${begun.title}: ${begun.status} (${begun.id})`);
      return;
    }
    const followed = await follow(io, client, begun, { ...options, undo: undo(found) }, signal);
    const { operation } = followed;
    if (operation.kind === 'workshop.delete') {
      await print(io, options, { operation }, () => `Workshop "${found.name}" (${found.id}) is deleted.`);
      return;
    }
    const value = await workshopWithSeats(followed, found.id, signal);
    await print(io, options, value, () => summary(value.workshop, followed.client));
  });
}

function addStart(workshop: Command, io: CliIo): void {
  const command = workshop
    .command('start')
    .description('start a stopped workshop, with the files that it had')
    .argument('<workshop>', 'id or name');
  withWaitOption(withCommonOptions(command)).action((idOrName: string, options: WaitOptions) =>
    operate(
      io,
      idOrName,
      options,
      (client, found, signal) => client.startWorkshop(found.id, signal),
      (found) => `To undo it: carapace workshop stop ${found.id}`,
    ),
  );
}

function addStop(workshop: Command, io: CliIo): void {
  const command = workshop
    .command('stop')
    .description('end all seats of a workshop and keep their files')
    .argument('<workshop>', 'id or name');
  withWaitOption(withCommonOptions(command)).action((idOrName: string, options: WaitOptions) =>
    operate(
      io,
      idOrName,
      options,
      (client, found, signal) => client.stopWorkshop(found.id, signal),
      (found) => `To undo it: carapace workshop start ${found.id}`,
    ),
  );
}

function addExtend(workshop: Command, io: CliIo): void {
  const { min, max } = EXPIRES_IN_MINUTES;
  const command = workshop
    .command('extend')
    .description('set how long a workshop still runs')
    .argument('<workshop>', 'id or name')
    .argument('<minutes>', `the new time left, counted from now: ${min} to ${max}`);
  withWaitOption(withCommonOptions(command)).action((idOrName: string, minutes: string, options: WaitOptions) => {
    const request = parseRequest(extendWorkshopSchema, { expires_in_minutes: numeric(minutes) });
    return operate(
      io,
      idOrName,
      options,
      (client, found, signal) => client.extendWorkshop(found.id, request.expires_in_minutes, signal),
      (found) => `To see it: carapace workshop show ${found.id}`,
    );
  });
}

function addDelete(workshop: Command, io: CliIo): void {
  const command = workshop
    .command('delete')
    .description('delete a workshop with all its seats and their files')
    .argument('<workshop>', 'id or name')
    .option('--yes', 'do not ask');
  withWaitOption(withCommonOptions(command), 'always').action(
    (idOrName: string, given: WaitOptions & { yes?: true }) => {
      // Who deletes wants to know that it is gone, also in a script.
      const options = { ...given, wait: given.wait ?? true };
      if (!options.yes && !canAsk(io)) {
        throw new InvalidInputError('Deleting needs --yes where nobody can be asked.', { path: 'yes' });
      }
      return operate(
        io,
        idOrName,
        options,
        async (client, found, signal) => {
          if (!options.yes) await confirmDeletion(io, found, signal);
          return client.deleteWorkshop(found.id, signal);
        },
        () => 'Deleting cannot be undone.',
      );
    },
  );
}

function confirmDeletion(io: CliIo, workshop: Workshop, signal: AbortSignal): Promise<void> {
  const question = `Delete "${workshop.name}" (${workshop.id}) with its ${seatCount(workshop)} and all files?`;
  return confirm(io, question, 'Nothing was deleted.', signal);
}
