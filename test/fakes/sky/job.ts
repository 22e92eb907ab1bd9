/** What the work on a request is given. */
import { setTimeout as sleep } from 'node:timers/promises';
import { behaviourOf, phaseMs, type Failure, type Phase, type SkyBehaviour, type Verb } from './behaviour.ts';
import { everyMachine, isThere, type Machine } from './cloud.ts';
import { findRecord, putRecord, type ClusterRecord } from './records.ts';
import { SkyError, type SkyRequest } from './requests.ts';
import { doesNotExist } from './texts.ts';

/** How often a stalled phase looks whether it may go on. */
const STALL_MS = 10;

export class Job {
  /** Where the records and the cloud are. */
  readonly folder: string;
  readonly home: string;
  readonly request: SkyRequest;

  constructor(folder: string, home: string, request: SkyRequest) {
    this.folder = folder;
    this.home = home;
    this.request = request;
  }

  get behaviour(): SkyBehaviour {
    return behaviourOf(this.folder);
  }

  get signal(): AbortSignal {
    return this.request.cancellation.signal;
  }

  get cluster(): string {
    return this.request.facts.cluster ?? '';
  }

  failure(verb: Verb): Failure | undefined {
    return this.behaviour.fail?.[verb];
  }

  tell(text: string): void {
    this.request.tell(text);
  }

  /** Takes as long as the phase takes. @throws the signal's reason */
  async phase(phase: Phase): Promise<void> {
    await sleep(phaseMs(this.behaviour, phase), undefined, { signal: this.signal });
    while (this.behaviour.stall === phase) await sleep(STALL_MS, undefined, { signal: this.signal });
  }

  /** @throws SkyError where there is none */
  record(): ClusterRecord {
    const record = findRecord(this.folder, this.cluster);
    if (record === undefined) throw new SkyError('ClusterDoesNotExist', doesNotExist(this.cluster));
    return record;
  }

  /** Writes the record, unless it was removed meanwhile. */
  change(changes: Partial<ClusterRecord>): ClusterRecord {
    this.signal.throwIfAborted();
    const record = { ...this.record(), ...changes };
    putRecord(this.folder, record);
    return record;
  }

  machine(): Machine | undefined {
    return machineOf(this.folder, this.cluster);
  }
}

/** The machine of a cluster, found by its tag as SkyPilot finds it. */
export function machineOf(folder: string, cluster: string): Machine | undefined {
  return everyMachine(folder).find((machine) => machine.cluster === cluster && isThere(machine));
}
