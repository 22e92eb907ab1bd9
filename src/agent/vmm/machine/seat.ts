/** The life of one seat that is a machine, each step written down before it is taken. */
import { rm } from 'node:fs/promises';
import type { Logger } from 'pino';
import { isAlive } from '../../../lib/process-identity.ts';
import { DiskFullError } from '../../../protocol/errors.ts';
import type { SeatLink, SeatNetwork } from '../../network/seat-network.ts';
import { removeFolder } from '../process/remove-folder.ts';
import type { SeatKey } from '../driver.ts';
import { bootDeadlineMs, restoreDeadlineMs, syncDeadlineMs } from './deadlines.ts';
import { asDiskFull, copyDisk, makeDisk } from './disk.ts';
import type { Hypervisor, Machine, MachineSize } from './hypervisor.ts';
import { giveIdentity } from './identity.ts';
import type { MachineImage } from './image.ts';
import type { MachineMaker } from './machine-maker.ts';
import type { MachinePaths } from './machine-paths.ts';
import {
  newState,
  noteState,
  noteStopped,
  readState,
  removeState,
  sizeIn,
  writeState,
  type MachineState,
} from './machine-state.ts';
import { askSeat } from './seat-channel.ts';
import { takeSlot } from './slot.ts';
import type { ReadyTemplate } from './template-files.ts';
import type { TemplateStore } from './template-store.ts';

/** Which seat, and where its parts are. */
export interface SeatPlace {
  readonly key: SeatKey;
  readonly paths: MachinePaths;
  readonly preferredSlot: number;
}

/** A seat whose machine runs. */
export interface LiveSeat {
  readonly state: MachineState;
  readonly machine: Machine;
  readonly link: SeatLink;
}

/** What is known of a seat's machine and slot in this process. */
export interface KnownParts {
  readonly machine: Machine | undefined;
  readonly link: SeatLink | undefined;
}

export interface SeatLifeOptions {
  readonly hypervisor: Hypervisor;
  readonly network: SeatNetwork;
  readonly maker: MachineMaker;
  readonly templates: TemplateStore;
  readonly log: Logger;
}

export class SeatLife {
  readonly #options: SeatLifeOptions;

  constructor(options: SeatLifeOptions) {
    this.#options = options;
  }

  /**
   * Makes a seat and returns once its servers answer.
   * @param kept the state of an earlier life whose disk is there
   * @throws the cause; what was made is left for {@link reap}
   */
  async make(
    place: SeatPlace,
    image: MachineImage,
    size: MachineSize,
    kept: MachineState | undefined,
    signal: AbortSignal,
  ): Promise<LiveSeat> {
    const begun = performance.now();
    const fresh = newState(size);
    const state = kept === undefined ? fresh : { ...fresh, keep_files: true, machine_id: kept.machine_id };
    await writeState(place.paths, state);
    return this.#start(place, image, state, { machine: undefined, link: undefined }, begun, signal);
  }

  /**
   * Ends a seat's machine and starts it with a new disk and a new identity, in its slot. The same again finishes what
   * was interrupted.
   * @throws the cause; what was made is left for {@link end}
   */
  async renew(
    place: SeatPlace,
    image: MachineImage,
    before: MachineState,
    known: KnownParts,
    signal: AbortSignal,
  ): Promise<LiveSeat> {
    const begun = performance.now();
    await noteState(place.paths, { ...before, phase: 'resetting', keep_files: false });
    await this.end(place.paths, before, known.machine);
    await rm(place.paths.disk, { force: true });
    const state: MachineState = { ...newState(sizeIn(before)), phase: 'resetting', link: before.link };
    await writeState(place.paths, state);
    return this.#start(place, image, state, known, begun, signal);
  }

  /** Has the machine write everything to its disk; one that does not answer is ended as it is. */
  async sync(paths: MachinePaths, machine: Machine, signal: AbortSignal): Promise<void> {
    if (!isAlive(machine.process)) return;
    const deadlineMs = syncDeadlineMs(this.#options.hypervisor.accelerated);
    try {
      await askSeat(machine.channel, () => ({ op: 'sync' }), { deadlineMs, signal });
    } catch (error) {
      this.#options.log.warn(
        { seat: paths.name, err: error },
        'the machine did not write its files before it was ended',
      );
    }
  }

  /** Ends the machine; slot and disk stay. */
  async end(paths: MachinePaths, state: MachineState | undefined, machine: Machine | undefined): Promise<void> {
    const { maker } = this.#options;
    await maker.end(paths, machine ?? maker.attach(paths, state?.process), state?.link?.namespace);
  }

  /**
   * Writes down that a seat is being ended and what becomes of its disk. Where the worker's disk is too full for that, a
   * disk that is not kept goes first, and makes the room: else it would count as kept.
   */
  async noteEnding(paths: MachinePaths, state: MachineState, machine: Machine | undefined): Promise<void> {
    if ((await noteState(paths, state)) || state.keep_files) return;
    await this.end(paths, state, machine);
    await rm(paths.disk, { force: true });
    await noteState(paths, state);
  }

  /** Ends a seat and removes all of it, whatever its state says. */
  async discard(paths: MachinePaths): Promise<void> {
    const state = await readState(paths);
    if (state !== undefined)
      await this.noteEnding(paths, { ...state, phase: 'removing', keep_files: false }, undefined);
    await this.reap(paths, undefined);
  }

  /** Ends a seat; removes all of it, or all but its disk where its state says that this is kept. */
  async reap(paths: MachinePaths, machine: Machine | undefined): Promise<void> {
    const state = await readState(paths);
    await this.end(paths, state, machine);
    // The slot goes when nothing says any more that it is this seat's: another seat may have it the moment after.
    if (state?.keep_files === true) {
      await noteStopped(paths, state);
    } else {
      await rm(paths.disk, { force: true });
      await removeState(paths);
      await removeFolder(paths.folder);
    }
    if (state?.link) await this.#options.network.release(state.link.slot);
  }

  async #start(
    place: SeatPlace,
    image: MachineImage,
    begunState: MachineState,
    known: KnownParts,
    begun: number,
    signal: AbortSignal,
  ): Promise<LiveSeat> {
    let state = begunState;
    const link = await this.#link(place, state, known, signal, (written) => {
      state = written;
    });
    const started = await this.#restoreOrBoot(place, image, state, link, signal);
    const ready: MachineState = {
      ...state,
      phase: 'ready',
      keep_files: true,
      started_in_ms: Math.round(performance.now() - begun),
      from_snapshot: started.fromSnapshot,
      process: started.machine.process,
    };
    await writeState(place.paths, ready);
    return { state: ready, machine: started.machine, link };
  }

  /** The seat's slot: the one it has, where that is whole, else a new one. */
  async #link(
    place: SeatPlace,
    state: MachineState,
    known: KnownParts,
    signal: AbortSignal,
    onChange: (state: MachineState) => void,
  ): Promise<SeatLink> {
    const { network } = this.#options;
    if (known.link !== undefined && (await network.isWhole(known.link.slot))) return known.link;
    const preferred = state.link?.slot ?? place.preferredSlot;
    if (state.link !== null) {
      await writeState(place.paths, { ...state, link: null });
      await network.release(state.link.slot);
    }
    return takeSlot(network, preferred, signal, (held) => {
      const written = { ...state, link: held };
      onChange(written);
      return writeState(place.paths, written);
    });
  }

  /** A copy of the template where there is one; a seat over its old disk, or one that cannot be restored, boots cold. */
  async #restoreOrBoot(
    place: SeatPlace,
    image: MachineImage,
    state: MachineState,
    link: SeatLink,
    signal: AbortSignal,
  ): Promise<{ machine: Machine; fromSnapshot: boolean }> {
    const { templates, log, maker } = this.#options;
    const { paths } = place;
    if (state.keep_files) {
      return { machine: await this.#bringUp(place, image, state, link, undefined, signal), fromSnapshot: false };
    }
    const template = await templates.get(image, sizeIn(state), signal);
    if (template !== undefined) {
      try {
        await copyDisk(template.disk, paths.disk, signal);
        const machine = await this.#bringUp(place, image, state, link, template, signal);
        templates.worked(template);
        return { machine, fromSnapshot: true };
      } catch (error) {
        signal.throwIfAborted();
        if (asDiskFull(error) instanceof DiskFullError) throw error;
        log.warn({ seat: paths.name, err: error }, 'the seat could not be restored from its snapshot; it boots cold');
        await maker.end(paths, undefined, link.namespace);
      }
    }
    await makeDisk(paths.disk, state.size.disk_mb, signal);
    const machine = await this.#bringUp(place, image, state, link, undefined, signal);
    // The seat itself was well, so the snapshot is not.
    if (template !== undefined) await templates.failed(template);
    return { machine, fromSnapshot: false };
  }

  async #bringUp(
    place: SeatPlace,
    image: MachineImage,
    state: MachineState,
    link: SeatLink,
    template: ReadyTemplate | undefined,
    signal: AbortSignal,
  ): Promise<Machine> {
    const { accelerated } = this.#options.hypervisor;
    return this.#options.maker.start(
      {
        paths: place.paths,
        image,
        size: sizeIn(state),
        link,
        template,
        greet: (channel, options) => giveIdentity(channel, place.key, state.machine_id, options),
        onStarted: (process) => writeState(place.paths, { ...state, process }),
        deadlineMs: template === undefined ? bootDeadlineMs(accelerated) : restoreDeadlineMs(accelerated),
      },
      signal,
    );
  }
}
