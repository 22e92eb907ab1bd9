/** The devices of a machine, and why one cannot be made. */
import type { BodyOf } from './schema.ts';
import type { World } from './world.ts';

export interface Configuration {
  machine: BodyOf<'PUT /machine-config'>;
  boot?: BodyOf<'PUT /boot-source'>;
  drives: BodyOf<'PUT /drives'>[];
  interfaces: BodyOf<'PUT /network-interfaces'>[];
  balloon?: BodyOf<'PUT /balloon'>;
  vsock?: BodyOf<'PUT /vsock'>;
}

export function driveProblem(world: World, drive: BodyOf<'PUT /drives'>): string | undefined {
  const { path_on_host: path = '', is_read_only: isReadOnly } = drive;
  const problem = world.fileProblem(path, isReadOnly !== true);
  return problem && `Virtio backend error: Error manipulating the backing file: ${problem} ${path}`;
}

export function tapProblem(world: World, tap: string): string | undefined {
  return world.hasTap(tap) ? undefined : 'Operation not permitted (os error 1)';
}

export function tapFault(tap: string, problem: string): string {
  return `Open tap device failed: Error while creating ifreq structure: ${problem}. Invalid TUN/TAP Backend provided by ${tap}.`;
}
