/** `carapace status` */
import type { Command } from 'commander';
import type { Connection } from '../client/connection.ts';
import { ControlPlaneClient } from '../client/control-plane.ts';
import { findControlPlane } from '../client/daemon.ts';
import { stateFolder } from '../lib/state-folder.ts';
import type { Cluster } from '../protocol/cluster.ts';
import { interruptible } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { seatsAre, yaml } from './render.ts';
import { namedServer, print, withCommonOptions, type CommonOptions } from './session.ts';

export function addStatusCommand(program: Command, io: CliIo): void {
  const command = program
    .command('status')
    .description('say whether a control plane runs, and what it has; starts none');
  withCommonOptions(command).action((options: CommonOptions) => interruptible((signal) => status(io, options, signal)));
}

async function status(io: CliIo, options: CommonOptions, signal: AbortSignal): Promise<void> {
  const folder = stateFolder(io.environment);
  const connection =
    options.server === undefined ? await findControlPlane(folder, signal) : namedServer(io, options.server);
  if (connection === undefined) {
    const none = `No control plane runs for ${folder}. The first command that needs one starts it.`;
    await print(io, options, { status: 'stopped' }, () => none);
    return;
  }
  const report = await describe(connection, signal);
  await print(io, options, report, () => yaml(report));
}

async function describe(connection: Connection, signal: AbortSignal) {
  const client = new ControlPlaneClient(connection);
  const [health, cluster, workshops, operations] = await Promise.all([
    client.health(signal),
    client.getCluster(signal),
    client.listWorkshops(signal),
    client.listOperations(signal),
  ]);
  return {
    ...health,
    url: connection.url,
    cluster: clusterFacts(cluster),
    workshops: workshops.map((one) => ({
      id: one.id,
      name: one.name,
      status: one.status,
      seats: one.seats,
      runtime: one.runtime,
      seats_are: seatsAre(one),
    })),
    running_operations: operations
      .filter((operation) => operation.status === 'running')
      .map(({ id, title }) => ({ id, title })),
  };
}

function clusterFacts({ name, status, cloud, region, ip, price_per_hour, billed, observed_at, error }: Cluster) {
  return { name, status, cloud, region, ip, price_per_hour, billed, observed_at, error };
}
