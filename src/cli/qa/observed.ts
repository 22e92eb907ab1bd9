/** An operation on the server, followed to its end together with the states that were told meanwhile. */
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import { waitForOperation } from '../../client/wait.ts';
import type { ClusterStatus } from '../../protocol/cluster.ts';
import { CLUSTER_SUBJECT } from '../../protocol/cluster.ts';
import { errorFromInfo } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';

type Client = Pick<ControlPlaneClient, 'events' | 'operationEvents' | 'getOperation'>;

export interface Observed {
  readonly operation: Operation;
  /** Each state that the server had, in order. */
  readonly states: readonly ClusterStatus[];
  /** How many lines of progress were told. */
  readonly lines: number;
  /** From the request to the end. */
  readonly seconds: number;
}

/** Begins an operation and waits for its end. @throws its error where it did not succeed, and what beginning it threw */
export async function observe(
  client: Client,
  begin: () => Promise<Operation>,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<Observed> {
  const states: ClusterStatus[] = [];
  const watching = new AbortController();
  const watched = await watchStates(client, AbortSignal.any([signal, watching.signal]), (state) => {
    if (states.at(-1) !== state) states.push(state);
  });
  try {
    const begun = performance.now();
    let lines = 0;
    const operation = await waitForOperation(client, (await begin()).id, {
      signal,
      onEvent: ({ type, message, phase }) => {
        if (type !== 'progress') return;
        lines += 1;
        onLine(phase === undefined ? message : `${phase}: ${message}`);
      },
    });
    if (operation.status !== 'succeeded') throw failureOf(operation);
    return { operation, states, lines, seconds: (performance.now() - begun) / 1000 };
  } finally {
    watching.abort();
    await watched.ended;
  }
}

function failureOf({ title, status, error }: Operation): Error {
  return error === null ? new Error(`"${title}" ${status}.`) : errorFromInfo(error);
}

/** Tells each state from now on; resolved once the control plane has accepted it, to a promise of its end. */
async function watchStates(
  client: Client,
  signal: AbortSignal,
  onState: (state: ClusterStatus) => void,
): Promise<{ readonly ended: Promise<void> }> {
  const { promise: opened, resolve: open } = withResolvers();
  const read = async (): Promise<void> => {
    for await (const { event } of client.events({ signal, onOpen: open })) {
      const { resource } = event;
      if (event.subject === CLUSTER_SUBJECT && resource !== undefined && 'cluster' in resource) {
        onState(resource.cluster.status);
      }
    }
  };
  // A lost connection loses states, which the check that wants them will tell.
  const ended = read().catch(() => undefined);
  await Promise.race([opened, ended]);
  return { ended };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
