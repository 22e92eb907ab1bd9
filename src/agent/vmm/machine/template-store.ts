/** The memory snapshots that seats are copies of: made at the first need, once, and removed when nothing fits them any more. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { VERSION } from '../../../lib/version.ts';
import { DiskFullError, NoCapacityError } from '../../../protocol/errors.ts';
import { MAX_SLOTS, type SeatNetwork } from '../../network/seat-network.ts';
import type { Admission, Claim } from './admission.ts';
import { bootDeadlineMs } from './deadlines.ts';
import { makeDisk } from './disk.ts';
import type { Hypervisor, Machine, MachineSize } from './hypervisor.ts';
import type { MachineImage } from './image.ts';
import type { MachineMaker, MachinePlan } from './machine-maker.ts';
import { machinePaths, type MachinePaths, type Roots } from './machine-paths.ts';
import { newState, readState, removeState, writeState } from './machine-state.ts';
import { askSeat } from './seat-channel.ts';
import { SharedTask } from './shared-task.ts';
import { overheadMb } from './sizes.ts';
import { takeSlot } from './slot.ts';
import {
  findFault,
  isComplete,
  isOfSameKind,
  readyTemplate,
  removeTemplate,
  snapshotFolder,
  templateName,
  writeMarker,
  type ReadyTemplate,
  type TemplateFit,
} from './template-files.ts';

export interface TemplateStoreOptions {
  readonly roots: Roots;
  readonly hypervisor: Hypervisor;
  readonly network: SeatNetwork;
  readonly maker: MachineMaker;
  readonly admission: Admission;
  readonly log: Logger;
}

/** After this many failures of one kind in a row, seats of it boot cold for a while. */
const FAILURES = 2;
const GIVE_UP_MS = 10 * 60_000;

/** Files beside disk and memory: device state, marker. In MiB. */
const SMALL_FILES_MB = 16;

export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #making = new SharedTask<ReadyTemplate>();
  readonly #failures = new Map<string, { count: number; until: number }>();

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /**
   * The template for machines of this image and size, made where there is none that fits; undefined where there is none
   * to be had, and the reason is in the log: the seat has to boot.
   * @throws the signal's reason
   */
  async get(image: MachineImage, size: MachineSize, signal: AbortSignal): Promise<ReadyTemplate | undefined> {
    const fit = this.#fitOf(image, size);
    const name = templateName(fit);
    if (this.#hasGivenUp(name)) return undefined;
    try {
      return await this.#making.run(name, (limited) => this.#findOrMake(name, fit, image, limited), signal);
    } catch (error) {
      signal.throwIfAborted();
      // A full worker says nothing about whether snapshots can be made.
      if (!(error instanceof NoCapacityError || error instanceof DiskFullError)) this.#countFailure(name);
      this.#options.log.error({ template: name, err: error }, 'no snapshot could be made; the seat boots cold');
      return undefined;
    }
  }

  /** A seat was restored from it. */
  worked(template: ReadyTemplate): void {
    this.#failures.delete(template.name);
  }

  /** A seat could not be restored from it: the next seat gets a new one. */
  async failed(template: ReadyTemplate): Promise<void> {
    this.#countFailure(template.name);
    await removeTemplate(this.#paths(template.name).folder);
  }

  /** Ends what an earlier agent was making, and removes what is not complete. */
  async reap(): Promise<void> {
    for (const name of await this.#names()) {
      const paths = this.#paths(name);
      if (await isComplete(paths.folder)) continue;
      await this.#endMachine(paths, undefined);
      await removeTemplate(paths.folder);
    }
  }

  /** Removes the templates of other images, programs and processors. */
  async removeUnfit(image: MachineImage, size: MachineSize): Promise<void> {
    const fit = this.#fitOf(image, size);
    for (const name of await this.#names()) {
      if (isOfSameKind(name, fit)) continue;
      this.#options.log.info({ template: name }, 'snapshot of another image or program removed');
      await removeTemplate(this.#paths(name).folder);
    }
  }

  #fitOf(image: MachineImage, size: MachineSize): TemplateFit {
    // How machines are started is this program's own affair, too.
    const fingerprint = `carapace ${VERSION}, ${this.#options.hypervisor.fingerprint()}`;
    return { image: image.manifest.id, size, fingerprint };
  }

  get #folder(): string {
    return join(this.#options.roots.state, 'templates');
  }

  #paths(name: string): MachinePaths {
    return machinePaths(this.#options.roots, join(this.#folder, name), `template-${name}`);
  }

  async #names(): Promise<string[]> {
    return readdir(this.#folder).catch(() => []);
  }

  #hasGivenUp(name: string): boolean {
    const failures = this.#failures.get(name);
    return failures !== undefined && failures.count >= FAILURES && performance.now() < failures.until;
  }

  #countFailure(name: string): void {
    const count = (this.#failures.get(name)?.count ?? 0) + 1;
    this.#failures.set(name, { count, until: performance.now() + GIVE_UP_MS });
  }

  async #findOrMake(name: string, fit: TemplateFit, image: MachineImage, signal: AbortSignal): Promise<ReadyTemplate> {
    const paths = this.#paths(name);
    const fault = await findFault(paths.folder, fit);
    if (fault === undefined) return readyTemplate(paths.folder, name);
    const begun = performance.now();
    this.#options.log.info({ template: name, reason: fault }, 'making a snapshot that seats are copied from');
    await removeTemplate(paths.folder);
    await this.#make(paths, fit, image, signal);
    const milliseconds = Math.round(performance.now() - begun);
    this.#options.log.info({ template: name, milliseconds }, 'snapshot made');
    return readyTemplate(paths.folder, name);
  }

  /** Nothing of a template that could not be made stays behind. */
  async #make(paths: MachinePaths, fit: TemplateFit, image: MachineImage, signal: AbortSignal): Promise<void> {
    const { admission, maker } = this.#options;
    admission.admit(paths.name, this.#claimOf(fit.size));
    try {
      await mkdir(snapshotFolder(paths.folder), { recursive: true, mode: 0o700 });
      let state = newState(fit.size);
      await writeState(paths, state);
      const link = await takeSlot(this.#options.network, MAX_SLOTS, signal, (held) => {
        state = { ...state, link: held };
        return writeState(paths, state);
      });
      await makeDisk(paths.disk, fit.size.diskMb, signal);
      const plan: MachinePlan = {
        paths,
        image,
        size: fit.size,
        link,
        template: undefined,
        // Writes everything to the disk, and shows that the machine will hear of its identity.
        greet: (channel, options) => askSeat(channel, () => ({ op: 'sync' }), options),
        onStarted: (process) => writeState(paths, { ...state, process }),
        deadlineMs: bootDeadlineMs(this.#options.hypervisor.accelerated),
      };
      const machine = await maker.start(plan, signal);
      await machine.snapshot({ folder: snapshotFolder(paths.folder) }, signal);
      await this.#endMachine(paths, machine);
      await writeMarker(paths.folder, fit);
    } catch (error) {
      await this.#endMachine(paths, undefined);
      await removeTemplate(paths.folder);
      throw error;
    } finally {
      admission.release(paths.name);
    }
  }

  #claimOf(size: MachineSize): Claim {
    const memoryMb = size.memoryMb + overheadMb(this.#options.hypervisor.accelerated);
    return { memoryMb, diskMb: size.memoryMb + size.diskMb + SMALL_FILES_MB, files: [] };
  }

  /** Ends the machine that a template is made of, and forgets it. */
  async #endMachine(paths: MachinePaths, known: Machine | undefined): Promise<void> {
    const { maker, network } = this.#options;
    const state = await readState(paths);
    await maker.end(paths, known ?? maker.attach(paths, state?.process), state?.link?.namespace);
    // First what says whose the slot is: another machine may have it the moment after.
    await removeState(paths);
    if (state?.link) await network.release(state.link.slot);
  }
}
