/** What the commands share: the control plane to talk to, and the two ways of output. */
import type { Command } from 'commander';
import type { Connection } from '../client/connection.ts';
import { ControlPlaneClient } from '../client/control-plane.ts';
import { isLoopback } from '../lib/loopback.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import { writeLine, type CliIo } from './io.ts';
import { ownControlPlane } from './own-control-plane.ts';

/** Options of every command that talks to a control plane. */
export interface CommonOptions {
  readonly server?: string;
  readonly json?: true;
}

/** The environment variable with the token for `--server`. */
export const TOKEN_VARIABLE = 'CARAPACE_TOKEN';

export function withCommonOptions(command: Command): Command {
  return withServerOption(command).option('--json', "print the API's JSON and nothing else");
}

export function withServerOption(command: Command): Command {
  return command.option(
    '--server <url>',
    `use the control plane at this address, with the token in $${TOKEN_VARIABLE}`,
  );
}

/** The control plane that `--server` names. @throws InvalidInputError where the token would go to another machine in the clear */
export function namedServer(io: CliIo, url: string): Connection {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol === 'http:' && !isLoopback(address.hostname)) {
    const message = `Nothing is sent to ${address.host} without encryption. Give an address that begins with https.`;
    throw new InvalidInputError(message, { path: 'server' });
  }
  return { url, token: io.environment[TOKEN_VARIABLE] ?? '' };
}

/** The control plane that `--server` names, else this machine's own, which is started where none runs. */
export async function controlPlane(
  io: CliIo,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<ControlPlaneClient> {
  if (options.server !== undefined) return new ControlPlaneClient(namedServer(io, options.server));
  return new ControlPlaneClient(await ownControlPlane(io, options.json ?? false, signal));
}

/** Prints a result: as JSON, or as a person reads it. */
export async function print(io: CliIo, options: CommonOptions, value: unknown, human: () => string): Promise<void> {
  await writeLine(io.stdout, options.json ? JSON.stringify(value) : human());
}
