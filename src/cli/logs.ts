/** `carapace logs`: what the processes of this machine have written, together or each by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import * as z from 'zod/mini';
import { stateFolder, statePaths } from '../lib/state-folder.ts';
import { NotFoundError } from '../protocol/errors.ts';
import { numeric, parseArgument } from './arguments.ts';
import { interruptible } from './interrupt.ts';
import { writeLine, type CliIo } from './io.ts';
import { entryJson, entryOf, entryText, inOrder, Wanted, type Entry } from './logs/entry.ts';
import { LogReader, seatLogs, serviceLogs, type LogFile } from './logs/files.ts';

const linesSchema = z.int({ error: 'a whole number up to 10000' }).check(z.minimum(0), z.maximum(10_000));
const DEFAULT_LINES = 20;
/** Of what is looked for by an id, so much is told as there is. */
const ALL_LINES = 10_000;
const FOLLOW_MS = 250;

interface LogsOptions {
  readonly lines?: string;
  readonly follow?: true;
  readonly requestId?: string;
  readonly operation?: string;
  readonly json?: true;
}

export function addLogsCommand(program: Command, io: CliIo): void {
  program
    .command('logs')
    .description('show the logs of the control plane, the agents and the seats of this machine')
    .argument('[name]', 'only this one, such as serve or agent')
    .option('--lines <number>', `how many lines of each; default ${DEFAULT_LINES}`)
    .option('--follow', 'go on with what is written, until Ctrl-C')
    .option('--request-id <id>', 'only what was done for this request, in all logs')
    .option('--operation <id>', 'only what was done for this operation, in all logs')
    .option('--json', 'print JSON lines and nothing else')
    .action((name: string | undefined, options: LogsOptions) => showLogs(io, name, options));
}

async function showLogs(io: CliIo, name: string | undefined, options: LogsOptions): Promise<void> {
  const ids = [options.requestId, options.operation].filter((id) => id !== undefined);
  const byDefault = ids.length > 0 ? ALL_LINES : DEFAULT_LINES;
  const lines = options.lines === undefined ? byDefault : parseArgument('lines', linesSchema, numeric(options.lines));
  const folder = stateFolder(io.environment);
  const find = (): Promise<LogFile[]> => filesOf(folder, name, ids.length > 0);
  const readers = (await find()).map((file) => new LogReader(file));
  if (readers.length === 0) {
    const which = name === undefined ? '' : ` "${name}"`;
    throw new NotFoundError(`There is no log${which} in ${statePaths(folder).logs}.`);
  }
  // One after the other as they are, unless they have to be read together.
  const isApart = ids.length === 0 && options.follow !== true && options.json !== true;
  const tell = async (entries: readonly Entry[]): Promise<void> => {
    for (const entry of entries) await writeLine(io.stdout, options.json ? entryJson(entry) : entryText(entry));
  };
  if (isApart) {
    await tellApart(io, readers, lines);
    return;
  }
  const wanted = new Wanted(ids);
  const ends = await Promise.all(
    readers.map(async (reader) => (await reader.tail()).map((text) => entryOf(reader.file.name, text))),
  );
  // Filtered in their order in time: a request comes before what it began.
  const found = inOrder(ends.flat()).filter((entry) => wanted.has(entry));
  if (ids.length > 0 && found.length === 0 && options.follow !== true) {
    throw new NotFoundError(`No log in ${statePaths(folder).logs} tells of ${ids.join(' and ')}.`);
  }
  await tell(lines === 0 ? [] : ids.length > 0 ? found.slice(-lines) : lastOfEach(found, lines));
  if (options.follow) await interruptible((signal) => follow({ readers, find, wanted, tell, signal }));
}

/** The last lines of each log, where the whole is in order already. */
function lastOfEach(entries: readonly Entry[], count: number): Entry[] {
  const left = new Map<string, number>();
  return entries
    .toReversed()
    .filter(({ log }) => {
      const seen = left.get(log) ?? 0;
      left.set(log, seen + 1);
      return seen < count;
    })
    .reverse();
}

/** @param everywhere in the seats and in what is older, too */
async function filesOf(folder: string, name: string | undefined, everywhere: boolean): Promise<LogFile[]> {
  const isSeat = name?.startsWith('seat ') === true;
  const seats = everywhere || isSeat ? await seatLogs(folder) : [];
  const files = [...(await serviceLogs(folder, everywhere)), ...seats];
  return files.filter((file) => name === undefined || file.name === name);
}

async function tellApart(io: CliIo, readers: readonly LogReader[], lines: number): Promise<void> {
  for (const reader of readers) {
    await writeLine(io.stdout, `==> ${reader.file.path}`);
    const last = lines === 0 ? [] : (await reader.tail()).slice(-lines);
    for (const text of last) {
      const isForPeople = io.stdout.isTTY === true;
      await writeLine(io.stdout, isForPeople ? entryText(entryOf(reader.file.name, text)) : text);
    }
  }
}

interface Following {
  readonly readers: LogReader[];
  readonly find: () => Promise<LogFile[]>;
  readonly wanted: Wanted;
  readonly tell: (entries: readonly Entry[]) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Looks again and again, also for logs that are new; ends with the signal only. */
async function follow({ readers, find, wanted, tell, signal }: Following): Promise<never> {
  for (;;) {
    await sleep(FOLLOW_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    const known = new Set(readers.map(({ file }) => file.path));
    for (const file of await find()) if (!known.has(file.path)) readers.push(new LogReader(file));
    const news = await Promise.all(
      readers.map(async (reader) => (await reader.more()).map((text) => entryOf(reader.file.name, text))),
    );
    await tell(inOrder(news.flat()).filter((entry) => wanted.has(entry)));
  }
}
