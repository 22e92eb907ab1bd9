/** `carapace cluster …`: the cloud server. */
import type { Command } from 'commander';
import { resolve } from 'node:path';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { waitForOperation } from '../client/wait.ts';
import { cleanEnvironment } from '../lib/child-environment.ts';
import { AUTOSTOP_MINUTES, CLUSTER_SUBJECT, autostopRequestSchema } from '../protocol/cluster.ts';
import { InternalError, NotFoundError, NotRunningError, UnavailableError, errorFromInfo } from '../protocol/errors.ts';
import type { Operation } from '../protocol/operation.ts';
import { numeric, parseRequest } from './arguments.ts';
import { runInherited } from './child.ts';
import { addLaunch } from './cluster-launch.ts';
import { addDestroy, addStart, addStop, addSync } from './cluster-operate.ts';
import { checkReport, clusterFacts, clusterSummary } from './cluster-render.ts';
import { EXIT } from './failures.ts';
import { interruptible } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { controlPlane, print, withCommonOptions, type CommonOptions } from './session.ts';

export function addClusterCommands(program: Command, io: CliIo): void {
  const cluster = program.command('cluster').description('launch, use and destroy your cloud server, by SkyPilot');
  addLaunch(cluster, io);
  addStart(cluster, io);
  addStop(cluster, io);
  addDestroy(cluster, io);
  addStatus(cluster, io);
  addCheck(cluster, io);
  addSync(cluster, io);
  addSsh(cluster, io);
  addAutostop(cluster, io);
  addCancel(cluster, io);
}

function addStatus(cluster: Command, io: CliIo): void {
  const command = cluster.command('status').description('show the server: its state, address, price and vaults');
  withCommonOptions(command).action((options: CommonOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const found = await client.getCluster(signal);
      await print(io, options, { cluster: found }, () => clusterFacts(found, Date.now()));
    }),
  );
}

function addCheck(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('check')
    .description('say whether SkyPilot is there and which clouds it can use; exit 1 where it can use none')
    .option('--sky-path <path>', 'where the sky command is; default: on the PATH of the login shell');
  withCommonOptions(command).action((options: CommonOptions & { skyPath?: string }) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const { skyPath } = options;
      const check = await client.checkCluster(skyPath === undefined ? undefined : resolve(skyPath), signal);
      await print(io, options, check, () => checkReport(check));
      if (!check.sky_installed || check.enabled_clouds.length === 0) io.outcome.code = EXIT.failed;
    }),
  );
}

function addSsh(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('ssh')
    .description("open a shell on the server, or run a command there; ends with ssh's exit code")
    .usage('[options] [-- <command...>]')
    .argument('[command...]', 'after --, as ssh takes it')
    .option('--server <url>', 'use the control plane at this address, if its SSH entries are on this machine');
  command.action(async (words: string[], options: CommonOptions) => {
    const host = await interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      return sshHost(client, signal);
    });
    io.outcome.code = await runSsh([host, ...words], io);
  });
}

/** The server's name for ssh, with its entry written anew. @throws NotFoundError, NotRunningError, UnavailableError */
async function sshHost(client: ControlPlaneClient, signal: AbortSignal): Promise<string> {
  const { name, status } = await client.getCluster(signal);
  if (status === 'no_server') throw new NotFoundError('There is no server. Launch one: carapace cluster launch');
  if (status === 'stopped') throw new NotRunningError(`${name} is stopped. Start it: carapace cluster start`);
  const { ssh_host: host } = await client.prepareSsh(signal);
  if (host === null) throw new UnavailableError(`${name} has no SSH entry yet. "carapace cluster status" tells more.`);
  return host;
}

async function runSsh(words: readonly string[], io: CliIo): Promise<number> {
  try {
    return await runInherited('ssh', words, cleanEnvironment(io.environment));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`ssh cannot be run (${why}). Install an OpenSSH client.`, undefined, { cause: error });
  }
}

function addAutostop(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('autostop')
    .description('set after how many idle minutes the server stops by itself')
    .argument('<minutes>', `0 for never, at most ${AUTOSTOP_MINUTES.max}`);
  withCommonOptions(command).action((text: string, options: CommonOptions) => {
    const { minutes } = parseRequest(autostopRequestSchema, { minutes: numeric(text) });
    return interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      const found = await client.setAutostop(minutes, signal);
      await print(io, options, { cluster: found }, () => clusterFacts(found, Date.now()));
    });
  });
}

function addCancel(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('cancel')
    .description('cancel what is being done with the server, wait for that, and say what is left');
  withCommonOptions(command).action((options: CommonOptions) =>
    interruptible(async (signal) => {
      const client = await controlPlane(io, options, signal);
      await cancel(io, client, options, signal);
    }),
  );
}

async function cancel(
  io: CliIo,
  client: ControlPlaneClient,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<void> {
  const operations = await client.listOperations(signal);
  const running = operations.find(({ subject, status }) => subject === CLUSTER_SUBJECT && status === 'running');
  if (running === undefined)
    throw new NotRunningError('Nothing is being done with the server: there is nothing to cancel.');
  await client.cancelOperation(running.id, signal);
  let last = '';
  const operation = await waitForOperation(client, running.id, {
    signal,
    onEvent: ({ type, message }) => {
      if (type === 'complete') last = message;
    },
  });
  if (operation.status !== 'cancelled') throw notCancelled(operation);
  const found = await client.getCluster(signal);
  const left = found.status === 'error' ? ['To remove what is left: carapace cluster destroy'] : [];
  const told = [last, clusterSummary(found), ...left].filter((line) => line !== '');
  await print(io, options, { cluster: found, operation }, () => told.join('\n'));
}

function notCancelled({ title, status, error }: Operation): Error {
  if (error !== null) return errorFromInfo(error);
  if (status === 'succeeded') return new NotRunningError(`"${title}" was done before it could be cancelled.`);
  return new InternalError(`"${title}" could not be cancelled.`);
}
