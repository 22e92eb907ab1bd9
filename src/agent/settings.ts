/** What the agent is told when it is started: arguments for everybody to see, secrets in the environment. */
import { hostname } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { imagesFolder } from '../lib/machine-image.ts';
import { VERSION } from '../lib/version.ts';
import type { SeatRuntime } from '../protocol/workshop.ts';
import { MAX_SLOTS } from './network/seat-network.ts';

export interface Settings {
  readonly runtime: SeatRuntime;
  readonly stateDir: string;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly workerId: string;
  readonly allowedOrigins: readonly string[];
  readonly capacity: number | undefined;
  readonly logLevel: string;
  readonly workspaceProgram: string | undefined;
  readonly socketDir: string;
  /** What machines are made from. */
  readonly imagesDir: string;
  readonly agentToken: string;
  readonly workspaceTokenSecret: string;
}

/** The agent was not started as it has to be; the message says how. */
export class UsageError extends Error {}

const DEFAULT_SOCKET_DIR = '/run/clarateach';
const SEAT_RUNTIMES: readonly SeatRuntime[] = ['process', 'qemu', 'firecracker'];
const LOOPBACK = new Set(['127.0.0.1', '::1']);

interface Options {
  runtime: SeatRuntime;
  stateDir: string;
  listen: string;
  insecureLoopback?: true;
  workerId: string;
  allowOrigin: string[];
  capacity?: string;
  logLevel: string;
  workspaceProgram?: string;
}

function command(): Command {
  const program = new Command('agent')
    .description('Makes and removes the seats of a worker, and lets people in.')
    .version(VERSION)
    .requiredOption('--state-dir <folder>', 'what the agent remembers, and the homes of its seats')
    .requiredOption('--listen <host:port>', 'where it is reached; port 0 for any free one')
    .option('--insecure-loopback', 'serve without TLS, on this machine only')
    .addOption(new Option('--runtime <runtime>', 'what a seat is').choices(SEAT_RUNTIMES).default('process'))
    .option('--worker-id <id>', 'how it calls itself', hostname())
    .option('--allow-origin <url...>', 'origins of web pages that may use the seats', [])
    .option('--capacity <seats>', `at most this many seats, up to ${MAX_SLOTS}`)
    .addOption(new Option('--log-level <level>').choices(['error', 'warn', 'info', 'debug', 'trace']).default('info'))
    .option('--workspace-program <file>', 'the workspace server; default workspace.cjs beside this program')
    .exitOverride()
    .allowExcessArguments(false);
  return program.configureOutput({ writeErr: () => undefined });
}

function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?:\[(?<six>[0-9a-f:]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/i.exec(listen);
  const host = match?.groups?.['six'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port']);
  if (host === undefined || !(port <= 65_535)) {
    throw new UsageError(`--listen takes a host and a port, such as 127.0.0.1:9090, not "${listen}".`);
  }
  return { host, port };
}

function parseCapacity(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const capacity = Number(text);
  if (/^\d+$/.test(text) && capacity >= 1 && capacity <= MAX_SLOTS) return capacity;
  throw new UsageError(`--capacity takes a number of seats from 1 to ${MAX_SLOTS}, not "${text}".`);
}

function parseOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin !== 'null') return origin;
  throw new UsageError(`--allow-origin takes an address such as https://class.example.org, not "${text}".`);
}

/** Reads a secret and removes it from the environment, so that no child gets it. */
function takeSecret(environment: NodeJS.ProcessEnv, name: string): string {
  const secret = environment[name];
  Reflect.deleteProperty(environment, name);
  if (secret === undefined || secret === '') throw new UsageError(`The agent needs ${name} in its environment.`);
  return secret;
}

function folderOf(environment: NodeJS.ProcessEnv, name: string, otherwise: string): string {
  const chosen = environment[name];
  return chosen === undefined || chosen === '' ? otherwise : chosen;
}

function requireLoopback(options: Options, host: string): void {
  if (options.insecureLoopback !== true) {
    throw new UsageError('This agent does not speak TLS: start it with --insecure-loopback on 127.0.0.1.');
  }
  if (!LOOPBACK.has(host)) {
    throw new UsageError(`With --insecure-loopback the agent listens on 127.0.0.1 only, not on ${host}.`);
  }
}

function parseOptions(args: readonly string[]): Options {
  try {
    return command().parse(args, { from: 'user' }).opts<Options>();
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0) throw error;
    const reason = error.message.replace(/^error: /, '').replace(/\.$/, '');
    throw new UsageError(`The arguments are not valid: ${reason}. See --help.`);
  }
}

/**
 * Reads arguments and environment, and takes the secrets out of the environment.
 * @throws UsageError; CommanderError with exit code 0 once help or version have been printed
 */
export function readSettings(args: readonly string[], environment: NodeJS.ProcessEnv): Settings {
  const options = parseOptions(args);
  const { host, port } = parseListen(options.listen);
  requireLoopback(options, host);
  // As a script gives it whose variable is not set: the folder would be whichever it was started in.
  if (options.stateDir === '') throw new UsageError('--state-dir takes a folder, not nothing.');
  return {
    runtime: options.runtime,
    stateDir: options.stateDir,
    host,
    port,
    workerId: options.workerId,
    allowedOrigins: options.allowOrigin.map(parseOrigin),
    capacity: parseCapacity(options.capacity),
    logLevel: options.logLevel,
    workspaceProgram: options.workspaceProgram,
    socketDir: folderOf(environment, 'SOCKET_DIR', DEFAULT_SOCKET_DIR),
    imagesDir: imagesFolder(environment),
    agentToken: takeSecret(environment, 'AGENT_TOKEN'),
    workspaceTokenSecret: takeSecret(environment, 'WORKSPACE_TOKEN_SECRET'),
  };
}
