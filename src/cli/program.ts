/** The command line: which commands there are, and how they end. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../lib/version.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import { addClusterCommands } from './cluster.ts';
import { addDoctorCommand } from './doctor.ts';
import { EXIT, exitCodeOf, tellFailure } from './failures.ts';
import type { CliIo } from './io.ts';
import { addJoinCommand } from './join.ts';
import { addLogsCommand } from './logs.ts';
import { addQaCommand } from './qa/qa.ts';
import { addSeatCommands } from './seat.ts';
import { addLearnerCommands } from './seat-free.ts';
import { addAgentCommand, addServeCommand } from './serve.ts';
import { addStatusCommand } from './status.ts';
import { addWorkshopCommands } from './workshop.ts';

const EXIT_CODES =
  'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 no capacity, 130 interrupted;\n' +
  '"cluster ssh", "seat exec" and "seat terminal" end with the code of what ran.';

/** Runs one command and answers its exit code. */
export async function runCommand(words: readonly string[], io: CliIo): Promise<number> {
  const json = wantsJson(words);
  try {
    await buildProgram(io, json).parseAsync([...words], { from: 'user' });
    return io.outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, io, json);
    await tellFailure(io.stderr, error, json);
    return exitCodeOf(error);
  }
}

function buildProgram(io: CliIo, json: boolean): Command {
  const program = new Command('carapace')
    .description('Your cloud server, and your class in real shells')
    .version(VERSION, '--version', 'print the version')
    .enablePositionalOptions()
    .addHelpText('after', `\n${EXIT_CODES}`);
  addServeCommand(program, io);
  addStatusCommand(program, io);
  addDoctorCommand(program, io);
  addClusterCommands(program, io);
  addWorkshopCommands(program, io);
  addJoinCommand(program, io);
  addSeatCommands(program, io);
  addLearnerCommands(program, io);
  addQaCommand(program, io);
  addLogsCommand(program, io);
  addAgentCommand(program, io);
  configure(program, io, json);
  program.helpCommand('help [command]', 'tell more of a command');
  return program;
}

/** Commander's settings are per command and not inherited by those that exist already. */
function configure(command: Command, io: CliIo, json: boolean): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => {
      if (!json) io.stderr.write(text);
    },
  });
  command.helpCommand(false);
  for (const child of command.commands) configure(child, io, json);
}

/** Commander has already said what is wrong, but for JSON. */
async function endOfParsing(error: CommanderError, io: CliIo, json: boolean): Promise<number> {
  if (error.exitCode === 0) return EXIT.done;
  if (json) await tellFailure(io.stderr, new InvalidInputError(error.message.replace(/^error: /, '')), json);
  return EXIT.usage;
}

/** Errors of parsing are told as JSON too, so this has to be known before. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? words.length : end).includes('--json');
}
