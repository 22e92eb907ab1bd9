/** Makes a machine's devices again from what was saved of it. */
import { driveProblem, tapFault, tapProblem, type Configuration } from './devices.ts';
import type { BodyOf } from './schema.ts';
import type { Saved, World } from './world.ts';

/** What was saved, with every device made again; or the reason where that cannot be. */
export async function adopt(
  world: World,
  saved: Saved,
  body: BodyOf<'PUT /snapshot/load'>,
): Promise<Configuration | string> {
  if (saved.version !== world.version) {
    return 'Failed to get snapshot state from file: Failed to load snapshot state from file: An error occurred during bitcode serialization: bitcode error';
  }
  if (saved.cpu !== world.cpu) {
    return 'Failed to build microVM from snapshot: Failed to restore microVM state: Could not set TSC scaling within the snapshot: Invalid argument (os error 22)';
  }
  const restoring = 'Failed to build microVM from snapshot: Failed to restore devices: Error restoring MMIO devices:';
  const configuration = structuredClone(saved.configuration) as Configuration;
  for (const { iface_id: id, host_dev_name: tap } of body.network_overrides ?? []) {
    const found = configuration.interfaces.find((one) => one.iface_id === id);
    if (found === undefined) return 'Unknown Network Device.';
    found.host_dev_name = tap;
  }
  for (const drive of configuration.drives) {
    const problem = driveProblem(world, drive);
    if (problem !== undefined) return `${restoring} Block: ${problem}`;
  }
  for (const { host_dev_name: tap } of configuration.interfaces) {
    const problem = tapProblem(world, tap);
    if (problem !== undefined) return `${restoring} Net: ${tapFault(tap, problem)}`;
  }
  const socket = body.vsock_override?.uds_path ?? configuration.vsock?.uds_path;
  const problem = socket === undefined ? undefined : await world.listen(socket);
  if (problem !== undefined) return `${restoring} VsockUnixBackend: Error binding to host-side Unix socket: ${problem}`;
  return configuration;
}
