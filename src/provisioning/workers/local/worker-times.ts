/** Bounds of time that depend on what seats are: machines boot, and without KVM they boot slowly. Pure. */
import { availableParallelism } from 'node:os';
import type { Runtime, SeatRuntime } from '../../../protocol/workshop.ts';
import type { Timing } from '../../settings.ts';
import { areMachines } from './worker-names.ts';

/** What a local worker and its seats may take, in milliseconds. */
export interface WorkerTimes {
  /** From starting an agent to its first healthy answer. */
  readonly agentHealthMs: number;
  /** How long an agent that was found may take to tell where it listens and which seats it has. */
  readonly adoptMs: number;
  readonly seatMs: number;
  readonly resetMs: number;
  /** One call to the agent that makes, resets or ends a seat. */
  readonly callMs: number;
  /** From asking an agent to end to ending it by force. */
  readonly agentEndMs: number;
}

const ADOPT_MS = 10_000;
/** It listens before it looks for its seats, so that is enough on a slow machine, too. */
const MACHINE_ADOPT_MS = 60_000;
/** The agent's own limit for a process seat is 30 s; a reset or a removal may have to end processes first. */
const CALL_MS = 60_000;
/** What an agent adds to its own limit when it tells of it. */
const CALL_MARGIN_MS = 30_000;
/** An agent of machines takes down the network that no seat needs any more. */
const MACHINE_AGENT_END_MS = 20_000;

export function workerTimes(runtime: SeatRuntime, timing: Timing): WorkerTimes {
  const { agentHealthMs, seatMs, resetMs, agentEndMs, machineAgentMs, machineSeatMs } = timing;
  if (!areMachines(runtime)) return { agentHealthMs, adoptMs: ADOPT_MS, seatMs, resetMs, callMs: CALL_MS, agentEndMs };
  return {
    agentHealthMs: machineAgentMs,
    adoptMs: MACHINE_ADOPT_MS,
    seatMs: machineSeatMs,
    resetMs: machineSeatMs,
    callMs: machineSeatMs + CALL_MARGIN_MS,
    agentEndMs: Math.max(agentEndMs, MACHINE_AGENT_END_MS),
  };
}

/** On average, with several at once, a seat takes no longer than this. */
const MACHINE_SHARE_MS = 15_000;

/** What an operation on so many seats may take, where with processes it may take `baseMs`. */
export function operationMs(baseMs: number, runtime: Runtime, seats: number, timing: Timing): number {
  if (!areMachines(runtime)) return baseMs;
  return baseMs + timing.machineAgentMs + timing.machineSeatMs + seats * MACHINE_SHARE_MS;
}

const MOST_AT_ONCE = 16;

/**
 * How many seats are made at once: starting a process or a machine leaves the processors waiting now and then, so that a
 * few more keep them busy; a machine without KVM keeps one busy by itself.
 */
export function seatsAtOnce(runtime: SeatRuntime, isAccelerated: boolean, cores = availableParallelism()): number {
  const perCore = areMachines(runtime) && !isAccelerated ? 1 : 2;
  return Math.min(MOST_AT_ONCE, cores * perCore);
}
