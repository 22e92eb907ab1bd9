/** `carapace doctor`: what works on this machine, and what is missing for more. Needs no control plane. */
import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { stateFolder } from '../lib/state-folder.ts';
import type { ClusterCheck } from '../protocol/cluster.ts';
import { lookAtMachine, type MachineFacts } from '../provisioning/workers/local/machine-facts.ts';
import { checkReport } from './cluster-render.ts';
import { examineMachine, machineText } from './doctor/machine.ts';
import { areSeatsWell, seatsReport, seatsText } from './doctor/seats.ts';
import { EXIT } from './failures.ts';
import { interruptible } from './interrupt.ts';
import { writeLine, type CliIo } from './io.ts';

/** The checksums of an image take seconds, a trial of KVM some more. */
const SEATS_MS = 120_000;
/** SkyPilot's server may have to start, and every cloud is asked. */
const SERVER_MS = 170_000;

const PARTS = ['seats', 'server', 'machine'] as const;
type Part = (typeof PARTS)[number];

interface DoctorOptions {
  readonly json?: true;
  readonly skyPath?: string;
}

export function addDoctorCommand(program: Command, io: CliIo): void {
  program
    .command('doctor')
    .description('say what works on this machine, and what is missing for more; exit 1 where something is')
    .addArgument(new Argument('[part]', 'only this: the machine, its seats, or the cloud server').choices(PARTS))
    .option('--sky-path <path>', 'where the sky command is; default: on the PATH of the login shell')
    .option('--json', 'print JSON and nothing else')
    .action((part: Part | undefined, options: DoctorOptions) =>
      interruptible((signal) => examine(io, part, options, signal)),
    );
}

async function examine(io: CliIo, part: Part | undefined, options: DoctorOptions, signal: AbortSignal): Promise<void> {
  const tell = async (text: string): Promise<void> => {
    if (!options.json) await writeLine(io.stdout, text);
  };
  const wants = (one: Part): boolean => part === undefined || part === one;
  const machine = wants('machine') ? await examineMachine(stateFolder(io.environment)) : undefined;
  if (machine !== undefined) await tell(machineText(machine) + (part === undefined ? '\n' : ''));
  const facts = wants('seats') ? await lookAtSeats(io, signal) : undefined;
  if (facts !== undefined) await tell(seatsText(facts));
  if (part === undefined) await tell('\nThe cloud server, by SkyPilot:');
  const check = wants('server') ? await lookAtServer(options.skyPath, signal) : undefined;
  if (check !== undefined) await tell(checkReport(check));
  const seats = facts === undefined ? undefined : seatsReport(facts);
  if (options.json)
    await writeLine(
      io.stdout,
      JSON.stringify({ ...(machine && { machine }), ...(seats && { seats }), ...(check && { server: check }) }),
    );
  const isMachineWell = machine === undefined || machine.every(({ ok }) => ok);
  const isWell =
    isMachineWell && (seats === undefined || areSeatsWell(seats)) && (check === undefined || isServerWell(check));
  if (!isWell) io.outcome.code = EXIT.failed;
}

function lookAtSeats(io: CliIo, signal: AbortSignal): Promise<MachineFacts> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(SEATS_MS)]);
  return lookAtMachine(limited, { environment: io.environment, checksums: true, kvm: 'always' });
}

async function lookAtServer(skyPath: string | undefined, signal: AbortSignal): Promise<ClusterCheck> {
  // Loaded here and not above: the other commands start faster without SkyPilot's part.
  const [{ checkSky }, { createSkyFinder }] = await Promise.all([
    import('../provisioning/cluster/check.ts'),
    import('../provisioning/cluster/sky/finder.ts'),
  ]);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(SERVER_MS)]);
  return checkSky(createSkyFinder(), skyPath === undefined ? undefined : resolve(skyPath), limited);
}

function isServerWell({ sky_installed: installed, enabled_clouds: clouds }: ClusterCheck): boolean {
  return installed && clouds.length > 0;
}
