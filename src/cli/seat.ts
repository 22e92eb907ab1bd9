/** `carapace seat …` */
import type { Command } from 'commander';
import * as z from 'zod/mini';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { SeatFiles } from '../client/seat-files.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import type { ExecRequest } from '../protocol/files.ts';
import type { Seat } from '../protocol/workshop.ts';
import { numeric, parseArgument, parseSeat } from './arguments.ts';
import { canAsk, confirm } from './ask.ts';
import { attach } from './attach.ts';
import { DETACH_KEYS } from './detach-filter.ts';
import { findWorkshop } from './find-workshop.ts';
import { interruptible } from './interrupt.ts';
import { writeAll, writeLine, type CliIo } from './io.ts';
import { follow, wantsToWait, withWaitOption, type WaitOptions } from './progress.ts';
import { seatsAre, table } from './render.ts';
import { addCopy } from './seat-copy.ts';
import { controlPlane, print, withCommonOptions, withServerOption, type CommonOptions } from './session.ts';

export function addSeatCommands(program: Command, io: CliIo): void {
  const seat = program.command('seat').description('work in the seats of a workshop');
  addList(seat, io);
  addTerminal(seat, io);
  addExec(seat, io);
  addCopy(seat, io);
  addReset(seat, io);
}

function addList(seat: Command, io: CliIo): void {
  const command = seat.command('list').description('list the seats').argument('<workshop>', 'id or name');
  withCommonOptions(command).action((idOrName: string, options: CommonOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const workshop = await findWorkshop(client, idOrName, signal);
      const seats = await client.listSeats(workshop.id, signal);
      await print(io, options, { seats }, () => `${listing(seats)}\n\nSeats are ${seatsAre(workshop)}.`);
    }),
  );
}

function listing(seats: readonly Seat[]): string {
  return table(
    ['SEAT', 'STATUS', 'LEARNER', 'CONNECTED', 'ERROR'],
    seats.map(({ seat, status, learner, connected, error }) => [
      String(seat),
      status,
      learner ?? '-',
      connected ? 'yes' : 'no',
      error?.message ?? '',
    ]),
  );
}

interface TerminalOptions extends CommonOptions {
  readonly view?: true;
  readonly session?: string;
}

function addTerminal(seat: Command, io: CliIo): void {
  const command = seat
    .command('terminal')
    .summary('open a shell in a seat')
    .description(
      `open a shell in a seat; ends with the shell's exit code. ${DETACH_KEYS} leaves and lets the shell live on. ` +
        'Where standard input is a pipe, its end types Ctrl-D, until the shell ends.',
    )
    .argument('<workshop>', 'id or name')
    .argument('<seat>', 'its number')
    .option('--view', 'only watch')
    .option('--session <id>', 'come back to a shell that was left');
  withServerOption(command).action(async (idOrName: string, seatText: string, options: TerminalOptions) => {
    const number = parseSeat(seatText);
    const { client, workshopId } = await interruptible(async (signal) => {
      const found = await controlPlane(io, options, signal);
      return { client: found, workshopId: (await findWorkshop(found, idOrName, signal)).id };
    });
    const server = options.server === undefined ? '' : ` --server ${options.server}`;
    io.outcome.code = await attach(io, {
      getAccess: (signal) => client.access(workshopId, number, 'instructor', signal),
      workshopId,
      seat: number,
      view: options.view === true,
      ...(options.session !== undefined && { session: options.session }),
      comeBack: (session) => `carapace seat terminal ${workshopId} ${number} --session ${session}${server}`,
    });
  });
}

interface ExecOptions extends CommonOptions {
  readonly cwd?: string;
  readonly timeout: string;
}

/** What timeout(1) answers, and a seat with it. A command may answer it, too. */
const TIMED_OUT_CODE = 124;
const timeoutSchema = z.int({ error: 'a whole number of seconds from 1 to 600' }).check(z.minimum(1), z.maximum(600));

function addExec(seat: Command, io: CliIo): void {
  const command = seat
    .command('exec')
    .description("run a command in a seat; ends with the command's exit code")
    .usage('[options] <workshop> <seat> -- <command...>')
    .argument('<workshop>', 'id or name')
    .argument('<seat>', 'its number')
    .argument('<command...>', 'the command, after --')
    .option('--cwd <folder>', 'where it runs, in the workspace folder')
    .option('--timeout <seconds>', 'when it is ended: 1 to 600', '600');
  withCommonOptions(command).action((idOrName: string, seatText: string, words: string[], options: ExecOptions) =>
    interruptible(async (signal) => {
      const number = parseSeat(seatText);
      const timeout = parseArgument('timeout', timeoutSchema, numeric(options.timeout));
      const client = await controlPlane(io, options, signal);
      const files = await seatFiles(client, idOrName, number, signal);
      const request = {
        command: words,
        timeout_ms: timeout * 1000,
        ...(options.cwd !== undefined && { cwd: options.cwd }),
      };
      const began = performance.now();
      io.outcome.code = await execute(io, files, request, options, signal);
      if (io.outcome.code === TIMED_OUT_CODE && performance.now() - began >= request.timeout_ms && !options.json) {
        await writeLine(io.stderr, `[carapace: the command was ended after ${timeout} s, its time limit]`);
      }
    }),
  );
}

async function execute(
  io: CliIo,
  files: SeatFiles,
  request: ExecRequest,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<number> {
  const result = await files.exec(request, signal);
  if (options.json) {
    await writeLine(io.stdout, JSON.stringify(result));
  } else {
    await writeAll(io.stdout, result.stdout);
    await writeAll(io.stderr, result.stderr);
    if (result.truncated) await writeLine(io.stderr, '[carapace: the rest of the output was cut off]');
  }
  return result.exit_code;
}

/** The way into the files of a seat, as the teacher. */
export async function seatFiles(
  client: ControlPlaneClient,
  idOrName: string,
  seat: number,
  signal: AbortSignal,
): Promise<SeatFiles> {
  const { id } = await findWorkshop(client, idOrName, signal);
  const access = await client.access(id, seat, 'instructor', signal);
  return new SeatFiles({ access, workshopId: id, seat });
}

interface ResetOptions extends WaitOptions {
  readonly yes?: true;
}

function addReset(seat: Command, io: CliIo): void {
  const command = seat
    .command('reset')
    .description('bring a seat back as new: nothing that was done in it is left')
    .argument('<workshop>', 'id or name')
    .argument('<seat>', 'its number')
    .option('--yes', 'do not ask');
  withWaitOption(withCommonOptions(command)).action((idOrName: string, seatText: string, options: ResetOptions) =>
    interruptible(async (signal) => {
      const number = parseSeat(seatText);
      if (!options.yes && !canAsk(io)) {
        throw new InvalidInputError('Resetting a seat needs --yes where nobody can be asked.', { path: 'yes' });
      }
      const client = await controlPlane(io, options, signal);
      const { id, name } = await findWorkshop(client, idOrName, signal);
      const question = `Reset seat ${number} of "${name}", and delete all files in it?`;
      if (!options.yes) await confirm(io, question, 'Nothing was changed.', signal);
      const begun = await client.resetSeat(id, number, signal);
      const undo = 'A reset cannot be undone.';
      const wait = wantsToWait(io, options);
      const operation = wait ? (await follow(io, client, begun, { ...options, undo }, signal)).operation : begun;
      await print(io, options, { operation }, () => `${operation.title}: ${operation.status} (${operation.id})`);
    }),
  );
}
