/** What an agent makes of the machines that an earlier one left. */
import { readdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Limiter } from '../../limits/limiter.ts';
import type { SeatLink, SeatNetwork } from '../../network/seat-network.ts';
import type { Machine } from './hypervisor.ts';
import type { MachineMaker } from './machine-maker.ts';
import { machinePaths, ownerOf, probePaths, type Roots } from './machine-paths.ts';
import { readState, type MachineState } from './machine-state.ts';
import type { SeatLife, SeatPlace } from './seat.ts';
import type { TemplateStore } from './template-store.ts';

/** A seat that goes on. */
export interface FoundSeat {
  readonly state: MachineState;
  /** Undefined where a reset was interrupted: that is to be done again. */
  readonly machine: Machine | undefined;
  readonly link: SeatLink | undefined;
}

export interface AdoptionParts {
  readonly life: SeatLife;
  readonly maker: MachineMaker;
  readonly network: SeatNetwork;
  readonly log: Logger;
}

/**
 * A seat whose machine runs, however slow it is, or whose reset was interrupted; undefined where there was something
 * else, which is to be reaped.
 */
export async function findSeat(
  place: SeatPlace,
  parts: AdoptionParts,
  signal: AbortSignal,
): Promise<FoundSeat | undefined> {
  const { paths } = place;
  const state = await readState(paths);
  if (state === undefined) return undefined;
  const machine = parts.maker.attach(paths, state.process);
  if (state.phase === 'ready' && machine !== undefined) {
    return { state, machine, link: await adoptLink(place, state, parts, signal) };
  }
  if (state.phase !== 'resetting') return undefined;
  await parts.life.end(paths, state, machine);
  return { state, machine: undefined, link: await adoptLink(place, state, parts, signal) };
}

/** A machine whose network cannot be mended goes on without, and a reset gives it a new slot. */
async function adoptLink(
  place: SeatPlace,
  state: MachineState,
  parts: AdoptionParts,
  signal: AbortSignal,
): Promise<SeatLink | undefined> {
  if (state.link === null) return undefined;
  try {
    return await parts.network.adopt(state.link.slot, signal);
  } catch (error) {
    signal.throwIfAborted();
    parts.log.error({ seat: place.paths.name, err: error }, "the seat's network could not be taken over");
    return undefined;
  }
}

/** The labels that machines get, see machine-paths.ts and template-store.ts. */
const MACHINE_LABEL = /^(seat|template)-[a-z0-9-]+$|^probe$/;

/** What the rest is removed by. */
export interface ReapParts {
  readonly life: SeatLife;
  readonly maker: MachineMaker;
  readonly templates: TemplateStore;
  readonly network: SeatNetwork;
  readonly limiter: Limiter;
  /** Tells an error, and goes on. */
  readonly attempt: (what: string, task: () => Promise<void>) => Promise<void>;
}

/** Removes what belongs to none of these seats, by name. Slots last: a machine may be in each of them until then. */
export async function reapRest(
  roots: Roots,
  kept: ReadonlyMap<string, { readonly state: MachineState }>,
  parts: ReapParts,
): Promise<void> {
  const names = new Set(kept.keys());
  // Other agents on this worker have groups, too.
  const own = `${ownerOf(roots)}-`;
  const slots = [...kept.values()].map((seat) => seat.state.link?.slot).filter((slot) => slot !== undefined);
  await parts.attempt('probe', () => parts.life.discard(probePaths(roots)));
  await parts.attempt('templates', () => parts.templates.reap());
  await parts.attempt('machines', () => reapUnknown(roots, names, parts.maker));
  await parts.attempt('limits', () => parts.limiter.reap({ has: (name) => names.has(name) || !name.startsWith(own) }));
  await parts.attempt('network', () => parts.network.reap(new Set(slots)));
}

/** Ends machines that have a folder for sockets and nothing else any more. */
async function reapUnknown(roots: Roots, keep: ReadonlySet<string>, maker: MachineMaker): Promise<void> {
  for (const label of await readdir(roots.sockets).catch(() => [])) {
    const paths = machinePaths(roots, roots.state, label);
    if (MACHINE_LABEL.test(label) && !keep.has(paths.name)) await maker.end(paths, undefined, undefined);
  }
}
