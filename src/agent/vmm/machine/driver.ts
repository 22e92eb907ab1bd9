/** Seats that are machines of their own: the driver behind `qemu` and `firecracker`. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { isAlive } from '../../../lib/process-identity.ts';
import { ConflictError, DiskFullError, NoCapacityError } from '../../../protocol/errors.ts';
import type { Limiter } from '../../limits/limiter.ts';
import { addressOf, MAX_SLOTS, type SeatNetwork } from '../../network/seat-network.ts';
import type { SeatServers } from '../../seat-health.ts';
import type { DriverFacts, RunningSeat, SeatKey, SeatLimits, VmDriver } from '../driver.ts';
import { listSeatFolders, removeIfEmpty } from '../process/seat-folder.ts';
import { findSeat, reapRest } from './adoption.ts';
import { Admission, type Claim } from './admission.ts';
import { answerDeadlineMs, seatDeadlineMs } from './deadlines.ts';
import { asDiskFull } from './disk.ts';
import { factsOf, versionsOf } from './facts.ts';
import { hostFacts, type HostFacts } from './host-facts.ts';
import type { Hypervisor, MachineSize } from './hypervisor.ts';
import { ImageReplacedError, readImage, verifyImage, type MachineImage } from './image.ts';
import { MachineMaker } from './machine-maker.ts';
import { probePaths, seatMachinePaths, seatsFolder, type MachinePaths, type Roots } from './machine-paths.ts';
import { diskSizeMb, readState, sizeIn, type MachineState } from './machine-state.ts';
import { SeatLife, type KnownParts, type LiveSeat, type SeatPlace } from './seat.ts';
import { SharedTask } from './shared-task.ts';
import { defaultSize, expectedMb, machineCapacity, sizeOf } from './sizes.ts';
import { TemplateStore } from './template-store.ts';

export interface MachineDriverOptions {
  /** The agent's state folder, absolute and without symbolic links. */
  readonly stateFolder: string;
  /** The folder for the machines' sockets; only this user can enter it. */
  readonly socketFolder: string;
  /** IMAGES_DIR: what machines are made from. */
  readonly imagesFolder: string;
  readonly hypervisor: Hypervisor;
  readonly network: SeatNetwork;
  readonly limiter: Limiter;
  readonly log: Logger;
  /** What this machine has; default its kernel's word. */
  readonly host?: HostFacts;
  /** How a machine's servers are reached; default ports 3001 and 3002 of its address. */
  readonly serversAt?: (ip: string) => SeatServers;
}

/** What this process knows of a seat. */
interface KnownSeat extends KnownParts {
  readonly state: MachineState;
}

/** The probe's seat: no workshop can have its number. */
const PROBE_KEY: SeatKey = { workshopId: 'probe', seatId: 0 };

export class MachineDriver implements VmDriver {
  readonly #options: MachineDriverOptions;
  readonly #roots: Roots;
  readonly #host: HostFacts;
  readonly #admission: Admission;
  readonly #maker: MachineMaker;
  readonly #templates: TemplateStore;
  readonly #life: SeatLife;
  readonly #known = new Map<string, KnownSeat>();
  readonly #preparing = new SharedTask<MachineImage>();
  #image: MachineImage | undefined;

  constructor(options: MachineDriverOptions) {
    const { hypervisor, network, log } = options;
    this.#options = options;
    this.#roots = { state: options.stateFolder, sockets: options.socketFolder };
    this.#host = options.host ?? hostFacts;
    this.#admission = new Admission(this.#host, options.stateFolder);
    this.#maker = new MachineMaker(options);
    const shared = { hypervisor, network, log, maker: this.#maker };
    this.#templates = new TemplateStore({ ...shared, roots: this.#roots, admission: this.#admission });
    this.#life = new SeatLife({ ...shared, templates: this.#templates });
  }

  get runtime(): 'qemu' | 'firecracker' {
    return this.#options.hypervisor.runtime;
  }

  get accelerated(): boolean {
    return this.#options.hypervisor.accelerated;
  }

  get capacity(): number {
    return machineCapacity(this.#host.size, this.accelerated);
  }

  get seatTimeoutMs(): number {
    return seatDeadlineMs(this.accelerated);
  }

  get probeTimeoutMs(): number {
    // It may make a template and then a seat.
    return 2 * this.seatTimeoutMs;
  }

  get answerMs(): number {
    return answerDeadlineMs(this.accelerated);
  }

  versions(): Record<string, string> {
    return versionsOf(this.#image?.manifest, this.#options.hypervisor);
  }

  describe(): DriverFacts {
    return factsOf(this.#image?.manifest, this.accelerated);
  }

  /** Makes a seat aside, as every seat is made, and removes it. A worker that is full of seats has shown that it can. */
  async probe(signal: AbortSignal): Promise<void> {
    const image = await this.#prepare(signal);
    const place: SeatPlace = { key: PROBE_KEY, paths: probePaths(this.#roots), preferredSlot: MAX_SLOTS };
    await this.#life.discard(place.paths);
    try {
      await this.#make(place, image, defaultSize(this.accelerated), undefined, signal);
    } catch (error) {
      const isRefused = error instanceof NoCapacityError || error instanceof DiskFullError;
      const isFull = isRefused && [...this.#known.values()].some(runs);
      if (!isFull) throw error;
      this.#options.log.warn({ err: error }, 'no room for a probe seat; the seats that run are proof enough');
    } finally {
      await this.#life.discard(place.paths);
      await this.#forget(place.paths, undefined);
    }
  }

  async adopt(signal: AbortSignal): Promise<RunningSeat[]> {
    const adopted: RunningSeat[] = [];
    const { network, limiter } = this.#options;
    await this.#attempt('network', () => network.open(signal));
    for (const key of await listSeatFolders(seatsFolder(this.#roots))) {
      await this.#attempt(`${key.workshopId}/${key.seatId}`, async () => {
        const seat = await this.#adoptSeat(key, signal);
        if (seat !== undefined) adopted.push(seat);
      });
    }
    await reapRest(this.#roots, this.#known, {
      ...{ life: this.#life, maker: this.#maker, templates: this.#templates, network, limiter },
      attempt: (what, task) => this.#attempt(what, task),
    });
    return adopted;
  }

  async create(key: SeatKey, limits: SeatLimits, signal: AbortSignal): Promise<RunningSeat> {
    const place = this.#place(key);
    const image = await this.#prepare(signal);
    const asked = sizeOf(limits, this.#host.size, this.accelerated);
    const before = await readState(place.paths);
    if (before !== undefined && before.phase !== 'stopped') await this.#life.reap(place.paths, undefined);
    const keptDiskMb = await diskSizeMb(place.paths);
    const kept = keptDiskMb === undefined ? undefined : await readState(place.paths);
    const size = { ...asked, ...(kept !== undefined && keptDiskMb !== undefined && { diskMb: keptDiskMb }) };
    return this.#make(place, image, size, kept, signal);
  }

  async reset(key: SeatKey, signal: AbortSignal): Promise<RunningSeat> {
    const place = this.#place(key);
    const { name } = place.paths;
    const before = await readState(place.paths);
    if (before === undefined || before.phase === 'stopped') {
      throw new ConflictError('The seat has no machine any more. Delete it and make it again.');
    }
    const image = await this.#prepare(signal);
    const known = this.#known.get(name) ?? { machine: undefined, link: undefined };
    this.#admission.hold(name, this.#claimOf(place.paths, sizeIn(before)), undefined);
    try {
      return this.#running(place, await this.#life.renew(place, image, before, known, signal));
    } catch (error) {
      await this.#life.end(place.paths, await readState(place.paths), undefined);
      // What was on it is to be gone; half a copy must not be taken for a learner's disk.
      await rm(place.paths.disk, { force: true });
      throw asDiskFull(error);
    }
  }

  async destroy(key: SeatKey, options: { readonly keepFiles: boolean }, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { paths } = this.#place(key);
    const state = await readState(paths);
    const machine = this.#known.get(paths.name)?.machine ?? this.#maker.attach(paths, state?.process);
    if (state !== undefined) {
      // A disk that was being made new has nothing to keep.
      const keepFiles = options.keepFiles && state.keep_files;
      await this.#life.noteEnding(paths, { ...state, phase: 'removing', keep_files: keepFiles }, machine);
      if (keepFiles && machine !== undefined) await this.#life.sync(paths, machine, signal);
    }
    await this.#forget(paths, machine);
  }

  isRunning(key: SeatKey): boolean {
    const known = this.#known.get(this.#place(key).paths.name);
    return known !== undefined && runs(known);
  }

  /** The end of what the seat's machine wrote to its console. */
  async lastWords(key: SeatKey): Promise<string> {
    const machine = this.#known.get(this.#place(key).paths.name)?.machine;
    return (await machine?.consoleTail().catch(() => '')) ?? '';
  }

  async mend(signal: AbortSignal): Promise<void> {
    if (this.#image !== undefined) await this.#options.network.guard(signal);
  }

  async close(): Promise<void> {
    await this.#options.network.close();
  }

  #place(key: SeatKey): SeatPlace {
    return { key, paths: seatMachinePaths(this.#roots, key), preferredSlot: key.seatId };
  }

  /** Finds out, once, what machines are made from and by, and opens the network; that the image is whole, each time. */
  async #prepare(signal: AbortSignal): Promise<MachineImage> {
    const image = this.#image ?? (await this.#preparing.run('prepare', (limited) => this.#findImage(limited), signal));
    try {
      await verifyImage(image, signal);
      return image;
    } catch (error) {
      if (!(error instanceof ImageReplacedError)) throw error;
    }
    // Built anew meanwhile: seats that run keep what they have, the next ones are of the new one.
    this.#image = undefined;
    return this.#preparing.run('prepare', (limited) => this.#findImage(limited), signal);
  }

  async #findImage(signal: AbortSignal): Promise<MachineImage> {
    const { imagesFolder, hypervisor, network } = this.#options;
    const image = await readImage(imagesFolder);
    await verifyImage(image, signal);
    await hypervisor.prepare(image, signal);
    await network.open(signal);
    await this.#templates.removeUnfit(image, defaultSize(hypervisor.accelerated));
    this.#image = image;
    return image;
  }

  /** Makes a seat that is not there; on failure nothing of it is left but a disk that was kept before. */
  async #make(
    place: SeatPlace,
    image: MachineImage,
    size: MachineSize,
    kept: MachineState | undefined,
    signal: AbortSignal,
  ): Promise<RunningSeat> {
    const { paths } = place;
    this.#admission.admit(paths.name, this.#claimOf(paths, size));
    try {
      return this.#running(place, await this.#life.make(place, image, size, kept, signal));
    } catch (error) {
      await this.#attempt(paths.name, () => this.#forget(paths, undefined));
      throw asDiskFull(error);
    }
  }

  #claimOf(paths: MachinePaths, size: MachineSize): Claim {
    const memoryMb = expectedMb(size.memoryMb, this.accelerated);
    return { memoryMb, diskMb: size.diskMb, files: [paths.disk] };
  }

  #running(place: SeatPlace, live: LiveSeat): RunningSeat {
    const { name } = place.paths;
    this.#known.set(name, live);
    this.#admission.started(name, live.machine.process);
    return this.#seatOf(place, live.state);
  }

  #seatOf(place: SeatPlace, state: MachineState): RunningSeat {
    // A seat without a slot is one that has to be reset first; then it tells its own.
    const ip = addressOf(state.link?.slot ?? place.preferredSlot);
    const times = { startedInMs: state.started_in_ms, createdAt: state.created_at };
    return { key: place.key, ip, ...this.#maker.servers(ip), ...times, fromSnapshot: state.from_snapshot };
  }

  /** Ends a seat as its state says, and whatever this process holds for it. */
  async #forget(paths: MachinePaths, machine: KnownParts['machine']): Promise<void> {
    await this.#life.reap(paths, machine);
    this.#known.delete(paths.name);
    this.#admission.release(paths.name);
    if (paths.folder.startsWith(seatsFolder(this.#roots))) {
      await removeIfEmpty(dirname(paths.folder));
      await removeIfEmpty(seatsFolder(this.#roots));
    }
  }

  /** One thing that cannot be mended must not keep the seats from their learners. */
  async #attempt(what: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#options.log.error({ what, err: error }, 'what was left here could not be taken over or removed');
    }
  }

  /** Takes over a seat of an earlier agent, or removes what is left of it. */
  async #adoptSeat(key: SeatKey, signal: AbortSignal): Promise<RunningSeat | undefined> {
    const place = this.#place(key);
    const { network, log } = this.#options;
    const found = await findSeat(place, { life: this.#life, maker: this.#maker, network, log }, signal);
    if (found === undefined) {
      await this.#forget(place.paths, undefined);
      return undefined;
    }
    const { state, machine } = found;
    const { name } = place.paths;
    this.#known.set(name, found);
    this.#admission.hold(name, this.#claimOf(place.paths, sizeIn(state)), machine?.process);
    const seat = this.#seatOf(place, state);
    return machine === undefined ? { ...seat, interrupted: true } : seat;
  }
}

function runs(seat: KnownSeat): boolean {
  return seat.machine !== undefined && isAlive(seat.machine.process);
}
