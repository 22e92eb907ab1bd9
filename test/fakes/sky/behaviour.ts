/** How the fake SkyPilot and its cloud behave; read anew from `behaviour.json` at each use. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The parts of a request, in the order in which a launch goes through them; stop, down and the others have one each. */
export const PHASES = [
  'schedule',
  'optimize',
  'provision',
  'instance',
  'ssh',
  'runtime',
  'mount',
  'setup',
  'stop',
  'down',
  'autostop',
  'status',
  'refresh',
  'check',
] as const;
export type Phase = (typeof PHASES)[number];

export type Verb = 'launch' | 'start' | 'stop' | 'down' | 'autostop' | 'status' | 'refresh';

/**
 * How a verb fails. `not_done` succeeds and does nothing. `runtime` leaves INIT and a machine that runs; `setup` and `mount`
 * leave UP. `expired` are credentials that were valid when they were checked.
 */
export type Failure =
  'no_capacity' | 'no_quota' | 'no_offer' | 'expired' | 'runtime' | 'setup' | 'mount' | 'unsupported' | 'not_done';

export interface SkyBehaviour {
  /** Of the command and of the API server. */
  readonly version?: string;
  /** Milliseconds that a phase takes. */
  readonly phaseMs?: Partial<Record<Phase, number>>;
  /** No request gets past this phase while it is named here. */
  readonly stall?: Phase | undefined;
  readonly fail?: Partial<Record<Verb, Failure>>;
  /** Clouds by their names: can be used, or the reason why not. */
  readonly clouds?: Readonly<Record<string, true | string>>;
  /** Folders that a new machine has already, such as `/opt/carapace/data/public`. */
  readonly image?: readonly string[];
  /** New machines come with SkyPilot's runtime. */
  readonly prepared?: boolean;
  /** The API server answers each request with this status instead; 0 cuts the connection. */
  readonly refuse?: number | undefined;
  /** Milliseconds that each command takes to start. */
  readonly commandMs?: number;
  /** The API server cannot be started by the command. */
  readonly noServer?: boolean;
}

export const VERSION = '0.14.1';
export const API_VERSION = '62';
/** SkyPilot's own, of 0.14.1. */
export const OLDEST_CLIENT = '0.11.0';

const PHASE_MS: Record<Phase, number> = {
  schedule: 5,
  optimize: 10,
  provision: 20,
  instance: 20,
  ssh: 10,
  runtime: 20,
  mount: 10,
  setup: 10,
  stop: 30,
  down: 30,
  autostop: 10,
  status: 2,
  refresh: 10,
  check: 10,
};

export const CLOUDS: NonNullable<SkyBehaviour['clouds']> = {
  AWS: true,
  GCP: 'GCP tools are not installed. Run the following commands:\n      $ pip install skypilot[gcp]',
};

export function behaviourOf(folder: string): SkyBehaviour {
  try {
    return JSON.parse(readFileSync(join(folder, 'behaviour.json'), 'utf8')) as SkyBehaviour;
  } catch {
    return {};
  }
}

export function phaseMs(behaviour: SkyBehaviour, phase: Phase): number {
  return behaviour.phaseMs?.[phase] ?? PHASE_MS[phase];
}
