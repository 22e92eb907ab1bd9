/** The local workers, one for each runtime. */
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Runtime } from '../../../protocol/workshop.ts';
import { localWorkerName } from './worker-names.ts';
import type { LocalWorker } from './local-worker.ts';

export class LocalWorkers {
  readonly all: readonly LocalWorker[];

  constructor(workers: readonly LocalWorker[]) {
    this.all = workers;
  }

  /** The worker for seats of that runtime. @throws UnavailableError where none is chosen yet */
  of(runtime: Runtime): LocalWorker {
    const name = localWorkerName(runtime);
    if (name !== undefined) return this.named(name);
    throw new UnavailableError('What the seats of this workshop are is not decided yet. Start it again.');
  }

  /** @throws UnavailableError for a worker that is not this machine's */
  named(name: string): LocalWorker {
    const worker = this.all.find((one) => one.name === name);
    if (worker !== undefined) return worker;
    throw new UnavailableError(
      `The worker "${name}" is not one of this machine's. Delete the workshop, and make another.`,
    );
  }
}
