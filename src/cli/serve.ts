/** `carapace serve` and `carapace agent`: the two daemons. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod/mini';
import { EXIT_DISK_FULL, EXIT_HELD_BY_ANOTHER } from '../client/daemon.ts';
import { stateFolder } from '../lib/state-folder.ts';
import { AlreadyRunningError, DiskFullError } from '../protocol/errors.ts';
import { numeric, parseArgument } from './arguments.ts';
import { runInherited } from './child.ts';
import { tellFailure } from './failures.ts';
import type { PublicOptions } from '../provisioning/public-site.ts';
import type { CliIo } from './io.ts';
import { TOKEN_VARIABLE } from './session.ts';

const DEFAULT_PORT = '8080';
const portSchema = z.int({ error: 'a port is a whole number from 0 to 65535' }).check(z.minimum(0), z.maximum(65_535));

interface ServeCommandOptions {
  readonly host?: string;
  readonly port: string;
  readonly stateDir?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly publicUrl?: string;
  readonly background?: true;
}

export function addServeCommand(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('run the control plane until it is ended')
    .option('--port <number>', '0 takes a free one', DEFAULT_PORT)
    .option(
      '--host <address>',
      `the address to listen on; default 127.0.0.1. One that others can reach needs TLS, and the token that opens it in $${TOKEN_VARIABLE}`,
    )
    .option('--tls-cert <file>', 'the certificate in PEM, its chain behind it')
    .option('--tls-key <file>', 'its private key in PEM')
    .option('--public-url <url>', 'what links say; default https://HOST:PORT')
    .option('--state-dir <folder>', 'where it keeps its state; default $CARAPACE_HOME, else ~/.carapace')
    .option('--background', 'end after ten minutes without need, and make way for a newer version: how others start it')
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
          background: options.background ?? false,
          ...publicOptions(options, io.environment),
        });
      } catch (error) {
        const isHeld = error instanceof AlreadyRunningError;
        if (!isHeld && !(error instanceof DiskFullError)) throw error;
        io.outcome.code = isHeld ? EXIT_HELD_BY_ANOTHER : EXIT_DISK_FULL;
        // A log on the same disk cannot take the reason: the exit code tells it.
        io.stderr.once('error', () => undefined);
        await tellFailure(io.stderr, error, false).catch(() => undefined);
      }
    });
}

/** The token is taken out of the environment, so that no program which is started from here gets it. */
function publicOptions(options: ServeCommandOptions, environment: NodeJS.ProcessEnv): PublicOptions {
  const { tlsCert, tlsKey, publicUrl } = options;
  const token = environment[TOKEN_VARIABLE];
  Reflect.deleteProperty(environment, TOKEN_VARIABLE);
  return {
    ...(tlsCert !== undefined && { tlsCert }),
    ...(tlsKey !== undefined && { tlsKey }),
    ...(publicUrl !== undefined && { publicUrl }),
    ...(token !== undefined && { token }),
  };
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
