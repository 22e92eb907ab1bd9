/** `carapace cluster launch`: what is asked for, what it costs, and the question before it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { ConflictError } from '../protocol/errors.ts';
import {
  AUTOSTOP_MINUTES,
  CLUSTER_DEFAULTS,
  DISK_GB,
  launchClusterSchema,
  type LaunchCluster,
} from '../protocol/cluster.ts';
import { numeric, parseRequest } from './arguments.ts';
import { canAsk, confirm } from './ask.ts';
import { CANCEL, operate } from './cluster-operate.ts';
import { planReport } from './cluster-render.ts';
import { interruptible } from './interrupt.ts';
import { writeLine, type CliIo } from './io.ts';
import { withWaitOption, type WaitOptions } from './progress.ts';
import { controlPlane, print, withCommonOptions } from './session.ts';

/** What a server is to be, as typed. */
export interface MachineOptions {
  readonly name?: string;
  readonly cloud?: string;
  readonly region?: string;
  readonly instanceType?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly diskSize?: string;
  readonly spot?: true;
  readonly autostop?: string;
  readonly skyPath?: string;
}

interface LaunchOptions extends WaitOptions, MachineOptions {
  readonly public?: string;
  readonly private?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

export function addLaunch(cluster: Command, io: CliIo): void {
  const command = cluster
    .command('launch')
    .description('launch the server; from an error, try again with the same one. On a terminal it asks first')
    .option('--public <folder>', 'what is copied to /opt/carapace/data/public')
    .option('--private <folder>', 'what is copied to /opt/carapace/data/private')
    .option('--dry-run', 'only say what it would be and cost')
    .option('--yes', 'do not ask');
  withWaitOption(withCommonOptions(withMachineOptions(command))).action((options: LaunchOptions) =>
    interruptible((signal) => launch(io, options, signal)),
  );
}

export function withMachineOptions(command: Command): Command {
  const { name, cpus, memory, disk_size: disk, autostop_minutes: minutes } = CLUSTER_DEFAULTS;
  return command
    .option('--name <name>', `what it is called, also for ssh; default ${name}`)
    .option('--cloud <cloud>', 'such as aws or gcp; default: SkyPilot chooses')
    .option('--region <region>', 'default: SkyPilot chooses')
    .option('--instance-type <type>', 'default: the cheapest that is large enough')
    .option('--cpus <number>', `cores, + for at least; default ${cpus}`)
    .option('--memory <GiB>', `+ for at least; default ${memory}`)
    .option('--disk-size <GB>', `${DISK_GB.min} to ${DISK_GB.max}, default ${disk}`)
    .option('--spot', 'cheaper, and the cloud may take it back at any time')
    .option(
      '--autostop <minutes>',
      `stop after so many idle minutes, 0 for never; at most ${AUTOSTOP_MINUTES.max}, default ${minutes}`,
    )
    .option('--sky-path <path>', 'where the sky command is; default: on the PATH of the login shell');
}

/** What the options ask for, checked as the control plane will. @throws InvalidInputError naming the first refused field */
export function machineRequest(options: MachineOptions): LaunchCluster {
  return parseRequest(launchClusterSchema, {
    ...(options.name !== undefined && { name: options.name }),
    ...(options.cloud !== undefined && { cloud: options.cloud }),
    ...(options.region !== undefined && { region: options.region }),
    ...(options.instanceType !== undefined && { instance_type: options.instanceType }),
    ...(options.cpus !== undefined && { cpus: options.cpus }),
    ...(options.memory !== undefined && { memory: options.memory }),
    ...(options.diskSize !== undefined && { disk_size: numeric(options.diskSize) }),
    ...(options.spot === true && { use_spot: true }),
    ...(options.autostop !== undefined && { autostop_minutes: numeric(options.autostop) }),
    ...(options.skyPath !== undefined && { sky_path: resolve(options.skyPath) }),
  });
}

function launchRequest(options: LaunchOptions): LaunchCluster {
  const vaults = {
    ...(options.public !== undefined && { public: resolve(options.public) }),
    ...(options.private !== undefined && { private: resolve(options.private) }),
  };
  const machine = machineRequest(options);
  return Object.keys(vaults).length === 0 ? machine : { ...machine, vaults };
}

async function launch(io: CliIo, options: LaunchOptions, signal: AbortSignal): Promise<void> {
  const wish = launchRequest(options);
  const client = await controlPlane(io, options, signal);
  if (options.dryRun) {
    const plan = await client.planCluster(wish, signal);
    await print(io, options, plan, () => planReport(wish, plan));
    return;
  }
  await showAndConfirm(io, client, wish, options, signal);
  await operate(io, client, options, { begin: (during) => client.launchCluster(wish, during), undo: CANCEL, signal });
}

/** Shows the plan, and asks on a terminal. @throws Error where it was not wanted */
async function showAndConfirm(
  io: CliIo,
  client: ControlPlaneClient,
  wish: LaunchCluster,
  options: LaunchOptions,
  signal: AbortSignal,
): Promise<void> {
  const asks = options.yes !== true && canAsk(io);
  if (options.json && !asks) return;
  await refuseSecond(client, signal);
  await writeLine(io.stderr, planReport(wish, await client.planCluster(wish, signal)));
  if (asks) await confirm(io, 'Launch it?', 'Nothing was launched.', signal);
}

/** The control plane refuses it, too; said here, nobody is asked for nothing. @throws ConflictError */
async function refuseSecond(client: ControlPlaneClient, signal: AbortSignal): Promise<void> {
  const { name, status } = await client.getCluster(signal);
  if (status === 'no_server' || status === 'error') return;
  const advice = status === 'stopped' ? 'Start it with "carapace cluster start"' : 'There is one server at a time';
  throw new ConflictError(`There is a server already: ${name} is ${status}. ${advice}, or destroy it first.`);
}
