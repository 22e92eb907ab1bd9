/** The past lines of operations, read on demand: the stream tells only what is new. */
import type { ControlPlaneClient } from '../client/control-plane.ts';
import type { CarapaceEvent } from '../protocol/event.ts';

export class OperationLines {
  readonly #asked = new Set<string>();

  /** Reads the lines of an operation, once; `tell` gets them as they come. @throws why they could not be read whole */
  async read(
    client: Pick<ControlPlaneClient, 'operationEvents'>,
    operationId: string,
    signal: AbortSignal,
    tell: (event: CarapaceEvent) => void,
  ): Promise<void> {
    if (this.#asked.has(operationId)) return;
    this.#asked.add(operationId);
    try {
      for await (const { event } of client.operationEvents(operationId, { signal })) {
        if (event.type === 'progress') tell(event);
      }
    } catch (error) {
      this.#asked.delete(operationId);
      throw error;
    }
  }

  /** Another control plane has other operations. */
  forget(): void {
    this.#asked.clear();
  }
}
