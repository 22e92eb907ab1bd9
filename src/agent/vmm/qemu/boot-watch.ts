/**
 * Keeps what a machine says when its boot fails: QEMU has the console only as long as it runs, and a machine whose boot
 * fails ends at once. So while a machine boots, QEMU pauses it instead of ending; its last words are read, then it ends.
 */
import { readConsole } from './console.ts';
import { QmpClient } from './qmp-client.ts';
import { nothingSchema, type QmpEvent } from './qmp-messages.ts';

/** After this no boot goes on. */
const BOOT_MS = 180_000;

export class BootWatch {
  readonly #monitor: QmpClient;
  readonly #timer: NodeJS.Timeout;
  #ending: Promise<void> | undefined;
  #lastWords: string | undefined;

  private constructor(monitor: QmpClient) {
    this.#monitor = monitor;
    this.#timer = setTimeout(() => void this.end(), BOOT_MS).unref();
  }

  /** Connects to the monitor and keeps it until the end. */
  static async begin(path: string): Promise<BootWatch> {
    // It ends by itself, not with the request that the machine is booted for.
    const monitor = await QmpClient.connect(path, { signal: new AbortController().signal });
    monitor.unref();
    const watch = new BootWatch(monitor);
    monitor.onEvent = (event) => watch.#onEvent(event);
    try {
      await monitor.execute('set-action', nothingSchema, { shutdown: 'pause' });
    } catch (error) {
      await watch.end();
      throw error;
    }
    return watch;
  }

  /** Undefined where the machine has not ended while it was watched. */
  get lastWords(): string | undefined {
    return this.#lastWords;
  }

  /** Lets the monitor go; from now on the machine ends by itself. Never fails. */
  end(): Promise<void> {
    this.#ending ??= this.#letGo();
    return this.#ending;
  }

  #onEvent(event: QmpEvent): void {
    if (event.event === 'SHUTDOWN') this.#ending ??= this.#takeLastWords();
  }

  async #takeLastWords(): Promise<void> {
    await this.#close(async () => {
      this.#lastWords = await readConsole(this.#monitor);
      await this.#monitor.execute('quit', nothingSchema);
    });
  }

  async #letGo(): Promise<void> {
    await this.#close(async () => {
      await this.#monitor.execute('set-action', nothingSchema, { shutdown: 'poweroff' });
    });
  }

  /** Whatever fails means that QEMU has ended. */
  async #close(task: () => Promise<void>): Promise<void> {
    clearTimeout(this.#timer);
    await task().catch(() => undefined);
    await this.#monitor.close();
  }
}
