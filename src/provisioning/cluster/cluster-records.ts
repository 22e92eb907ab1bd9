/** Changes of the cluster: each is written together with the event that tells it, and only where something changes. */
import { isDeepStrictEqual } from 'node:util';
import { CLUSTER_SUBJECT, type Cluster, type ClusterStatus } from '../../protocol/cluster.ts';
import { NotFoundError } from '../../protocol/errors.ts';
import type { EventLog } from '../event-log.ts';
import type { ClusterRow } from '../store/cluster.ts';
import type { Store } from '../store/store.ts';
import { newRow, stateOf, toCluster } from './resource.ts';
import { permitCluster, type ClusterVerb } from './state-machine.ts';

const LINE: Readonly<Record<ClusterStatus, string>> = {
  no_server: 'is gone',
  provisioning: 'is being prepared',
  running: 'is running',
  stopping: 'is being stopped',
  stopped: 'is stopped; its disk is kept',
  destroying: 'is being destroyed',
  error: 'has failed',
};

export class ClusterRecords {
  readonly #store: Store;
  readonly #events: EventLog;

  constructor(store: Store, events: EventLog) {
    this.#store = store;
    this.#events = events;
  }

  /** Undefined where nothing is known of any server. */
  find(): ClusterRow | undefined {
    return this.#store.cluster.find();
  }

  /** @throws NotFoundError */
  row(): ClusterRow {
    const row = this.find();
    if (row === undefined) throw new NotFoundError('There is no server. Launch one first.');
    return row;
  }

  cluster(): Cluster {
    return toCluster(this.find() ?? newRow({}), Date.now());
  }

  /** The row, where that may be asked of it now. @throws as {@link permitCluster} does */
  permitted(verb: ClusterVerb): ClusterRow {
    permitCluster(verb, stateOf(this.find()));
    return this.row();
  }

  /** Puts the row in the place of the one that is there. Being heard again changes nothing that is worth telling. */
  put(row: ClusterRow): ClusterRow {
    return this.#store.transaction(() => {
      const before = this.find();
      if (isDeepStrictEqual(before, row)) return row;
      this.#store.cluster.put(row);
      const now = Date.now();
      const heardAgain = before === undefined ? undefined : { ...before, observed_at: row.observed_at };
      if (heardAgain === undefined || !isDeepStrictEqual(toCluster(heardAgain, now), toCluster(row, now)))
        this.#tell(row);
      return row;
    });
  }

  /** Nothing where there is no row. */
  change(change: Partial<ClusterRow>): ClusterRow | undefined {
    return this.#store.transaction(() => {
      const row = this.find();
      return row === undefined ? undefined : this.put({ ...row, ...change });
    });
  }

  #tell(row: ClusterRow): void {
    const warning = row.stops_at === null ? null : `Nobody works with the server: it stops at ${row.stops_at}.`;
    const message = row.error?.message ?? warning ?? row.note ?? `The server "${row.name}" ${LINE[row.status]}.`;
    const resource = { cluster: toCluster(row, Date.now()) };
    this.#events.append({ type: 'state', message, subject: CLUSTER_SUBJECT, resource }, null);
  }
}
