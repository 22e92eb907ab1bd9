/** `carapace serve` and `carapace agent`: the two daemons. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod/mini';
import { EXIT_HELD_BY_ANOTHER } from '../client/daemon.ts';
import { stateFolder } from '../lib/state-folder.ts';
import { AlreadyRunningError } from '../protocol/errors.ts';
import { numeric, parseArgument } from './arguments.ts';
import { runInherited } from './child.ts';
import { tellFailure } from './failures.ts';
import type { CliIo } from './io.ts';

const DEFAULT_PORT = '8080';
const portSchema = z.int({ error: 'a port is a whole number' }).check(z.minimum(0), z.maximum(65_535));

interface ServeCommandOptions {
  readonly host?: string;
  readonly port: string;
  readonly stateDir?: string;
}

export function addServeCommand(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('run the control plane until it is ended')
    .option('--port <number>', '0 takes a free one', DEFAULT_PORT)
    .option('--host <address>', 'the address to listen on; default 127.0.0.1')
    .option('--state-dir <folder>', 'where it keeps its state; default $CARAPACE_HOME, else ~/.carapace')
    .action(async (options: ServeCommandOptions) => {
      const port = parseArgument('port', portSchema, numeric(options.port));
      const folder = options.stateDir === undefined ? stateFolder(io.environment) : resolve(options.stateDir);
      const { programFolder } = io;
      // Loaded here and not above: the other commands start faster without the server.
      const { runServe } = await import('../provisioning/serve.ts');
      try {
        await runServe({
          stateFolder: folder,
          ...(options.host !== undefined && { host: options.host }),
          port,
          programFolder,
        });
      } catch (error) {
        if (!(error instanceof AlreadyRunningError)) throw error;
        await tellFailure(io.stderr, error, false);
        io.outcome.code = EXIT_HELD_BY_ANOTHER;
      }
    });
}

export function addAgentCommand(program: Command, io: CliIo): void {
  program
    .command('agent')
    .description("run a worker's agent; it takes its options from here")
    .argument('[options...]')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (options: string[]) => {
      io.outcome.code = await runInherited(process.execPath, [join(io.programFolder, 'agent.cjs'), ...options]);
    });
}
