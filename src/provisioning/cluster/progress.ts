/** SkyPilot's phases as few lines that a person can read. Pure. */

/** A line of progress; `phase` is the part of the operation that it belongs to. */
export interface ReadableLine {
  readonly phase: string;
  readonly message: string;
}

/** SkyPilot's own words first: those of its spinners, as version 0.14.1 has them. The first that fits is told. */
const LINES: readonly (readonly [RegExp, string, string])[] = [
  [/request to be scheduled|^Checking request/i, 'sky', 'Waiting for SkyPilot to begin.'],
  [/^Optimizing/, 'choose', 'Choosing the machine.'],
  [/Waiting for SSH access/, 'ssh', 'Waiting for the machine to let SSH in.'],
  [/Checking instance status/, 'machine', 'Checking the machine.'],
  [/^(Launching|Provisioning|Starting)/, 'machine', 'Getting the machine.'],
  [/^Preparing SkyPilot runtime \(1\/3/, 'runtime', 'Preparing the machine for SkyPilot (1 of 3).'],
  [/^Preparing SkyPilot runtime \(2\/3/, 'runtime', 'Preparing the machine for SkyPilot (2 of 3).'],
  [/^Preparing SkyPilot runtime \(3\/3/, 'runtime', 'Preparing the machine for SkyPilot (3 of 3).'],
  [/^(Syncing|Mounting|Uploading)/, 'files', 'Copying the vaults.'],
  [/^Running setup/, 'setup', 'Setting up.'],
  [/^Submitting job/, 'run', 'Making ready.'],
  [/^Stopping/, 'stop', 'Stopping the machine.'],
  [/^(Terminating|Tearing down)/, 'destroy', 'Destroying the machine and its disk.'],
];

/** The line for one of SkyPilot's phases; one that is not known is told in its own words. */
export function readablePhase(phase: string): ReadableLine {
  const known = LINES.find(([pattern]) => pattern.test(phase));
  if (known !== undefined) return { phase: known[1], message: known[2] };
  const words = phase.trim();
  return { phase: 'sky', message: /[.!?…]$/.test(words) ? words : `${words}.` };
}
