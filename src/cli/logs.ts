/** `carapace logs` */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod/mini';
import { stateFolder, statePaths } from '../lib/state-folder.ts';
import { NotFoundError } from '../protocol/errors.ts';
import { numeric, parseArgument } from './arguments.ts';
import { writeLine, type CliIo } from './io.ts';

const linesSchema = z.int({ error: 'a whole number' }).check(z.minimum(0), z.maximum(10_000));
/** No more than this much of a log's end is read, in bytes. */
const TAIL_BYTES = 1024 * 1024;

export function addLogsCommand(program: Command, io: CliIo): void {
  program
    .command('logs')
    .description('show where the logs are, and their last lines')
    .argument('[name]', 'only this one, such as serve or agent')
    .option('--lines <number>', 'how many lines of each', '20')
    .action(async (name: string | undefined, options: { lines: string }) => {
      const lines = parseArgument('lines', linesSchema, numeric(options.lines));
      const folder = statePaths(stateFolder(io.environment)).logs;
      const files = (await logFiles(folder)).filter((file) => name === undefined || file === `${name}.log`);
      if (files.length === 0) {
        throw new NotFoundError(`There is no log${name === undefined ? '' : ` "${name}"`} in ${folder}.`);
      }
      for (const file of files) {
        const path = join(folder, file);
        await writeLine(io.stdout, `==> ${path}`);
        for (const line of await lastLines(path, lines)) await writeLine(io.stdout, line);
      }
    });
}

async function logFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
  } catch {
    return [];
  }
}

async function lastLines(path: string, count: number): Promise<string[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    if (lines.at(-1) === '') lines.pop();
    return count === 0 ? [] : lines.slice(-count);
  } finally {
    await file.close();
  }
}
