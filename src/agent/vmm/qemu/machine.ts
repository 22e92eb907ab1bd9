/** A machine that runs in QEMU, whoever has started it. */
import type { ProcessIdentity } from '../../../lib/process-identity.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Machine, SeatChannelAddress, Template } from '../machine/hypervisor.ts';
import type { BootWatch } from './boot-watch.ts';
import { readConsole } from './console.ts';
import { endSession } from './launch.ts';
import type { MachineFiles } from './machine-files.ts';
import { QmpClient } from './qmp-client.ts';
import { nothingSchema } from './qmp-messages.ts';
import { writeSnapshot } from './snapshot.ts';

/** How long the console may be waited for: it is only for an error that has its own message. */
const CONSOLE_MS = 2_000;

export class QemuMachine implements Machine {
  readonly process: ProcessIdentity;
  readonly channel: SeatChannelAddress;
  readonly #files: MachineFiles;
  readonly #watch: BootWatch | undefined;

  /** @param watch holds the monitor of a machine that was just booted, until something else is asked of it */
  constructor(process: ProcessIdentity, files: MachineFiles, watch?: BootWatch) {
    this.process = process;
    this.channel = { kind: 'serial', socketPath: files.channel };
    this.#files = files;
    this.#watch = watch;
  }

  async consoleTail(): Promise<string> {
    await this.#watch?.end();
    const lastWords = this.#watch?.lastWords;
    if (lastWords !== undefined) return lastWords;
    try {
      return await this.#withMonitor(AbortSignal.timeout(CONSOLE_MS), readConsole);
    } catch {
      return '';
    }
  }

  async snapshot(template: Template, signal: AbortSignal): Promise<void> {
    await this.#attempt('The machine could not be snapshotted', signal, async (monitor) => {
      await writeSnapshot(monitor, this.process.pid, this.#files, template, signal);
    });
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.#attempt('The machine could not go on', signal, async (monitor) => {
      await monitor.execute('cont', nothingSchema);
    });
  }

  async kill(): Promise<void> {
    await endSession(this.process);
    await this.#watch?.end();
  }

  async #withMonitor<T>(signal: AbortSignal, task: (monitor: QmpClient) => Promise<T>): Promise<T> {
    await this.#watch?.end();
    const monitor = await QmpClient.connect(this.#files.monitor, { signal });
    try {
      return await task(monitor);
    } finally {
      await monitor.close();
    }
  }

  /** Every failure but the signal's becomes one that says what was tried. */
  async #attempt(failed: string, signal: AbortSignal, task: (monitor: QmpClient) => Promise<void>): Promise<void> {
    try {
      await this.#withMonitor(signal, task);
    } catch (cause) {
      signal.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UnavailableError(`${failed}: ${reason}`, undefined, { cause });
    }
  }
}
