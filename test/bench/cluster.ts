/** What the cloud server's control plane costs and how soon it sees a change, beside the fake SkyPilot. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterTest } from '../e2e/cluster-harness.ts';
import { end, type TestControlPlane } from '../e2e/control-plane-harness.ts';
import { quantile } from '../support/figures.ts';
import { processorTicks } from '../support/memory.ts';
import { heading, row } from './table.ts';

/** What is told to the tree: the first event of the change, from the moment it happened in the cloud. */
interface ClusterFigures {
  /** Seconds, one of each change. */
  readonly seen: readonly number[];
  /** Of the control plane while there is a server and nobody looks. */
  readonly cpuSecondsPerHour: number;
  readonly requestsPerHour: number;
}

/** The intervals that settings.ts has for users; the tests have shorter ones. */
const USERS = { observeMs: 15_000, observeQuietMs: 300_000, watchedMs: 60_000 } as const;

const CHANGES = 5;
const QUIET_MS = 120_000;
const HOUR_MS = 3_600_000;
/** proc(5): clock ticks per second, the same on every Linux that we run on. */
const TICKS_PER_SECOND = 100;

/** All with the intervals that a user has. Takes about five minutes. */
export async function benchCluster(): Promise<void> {
  const { seen, cpuSecondsPerHour, requestsPerHour } = await measure();
  heading('cloud server', 'median', 'longest');
  row('change to event, s', quantile(seen, 0.5), Math.max(...seen));
  row('CPU of an unwatched hour, s', cpuSecondsPerHour);
  row('requests to SkyPilot in it', requestsPerHour);
}

async function measure(): Promise<ClusterFigures> {
  const test = await ClusterTest.create();
  try {
    const { observeMs, watchedMs } = USERS;
    const controlPlane = await test.serve({}, USERS);
    await test.launched(controlPlane.client);
    const seen: number[] = [];
    for (let change = 0; change < CHANGES; change += 1) {
      // At another moment of the interval each time.
      await sleep((observeMs * change) / CHANGES);
      seen.push(await seconds(test, controlPlane, change % 2 === 0));
    }
    // Until nobody counts as looking any more.
    await sleep(watchedMs);
    const before = { cpu: cpuSeconds(controlPlane), calls: test.fake.calls().length };
    await sleep(QUIET_MS);
    const perHour = HOUR_MS / QUIET_MS;
    const cpuSecondsPerHour = (cpuSeconds(controlPlane) - before.cpu) * perHour;
    await end(controlPlane);
    return { seen, cpuSecondsPerHour, requestsPerHour: (test.fake.calls().length - before.calls) * perHour };
  } finally {
    await test.dispose();
  }
}

/** From a change in the cloud to the event of it; somebody looks meanwhile, as the extension does every 20 s. */
async function seconds(test: ClusterTest, { client }: TestControlPlane, stops: boolean): Promise<number> {
  const stop = new AbortController();
  await client.getCluster();
  const wanted = stops ? 'stopped' : 'running';
  const events = client.events({ signal: stop.signal })[Symbol.asyncIterator]();
  const began = Date.now();
  if (stops) test.fake.stopMachine();
  else test.fake.startMachine();
  for (;;) {
    const next = await events.next();
    if (next.done === true) throw new Error('the events ended');
    const { resource } = next.value.event;
    if (resource === undefined || !('cluster' in resource)) continue;
    if (resource.cluster.status !== wanted) continue;
    stop.abort();
    await events.next().catch(() => undefined);
    return (Date.now() - began) / 1000;
  }
}

function cpuSeconds({ child }: TestControlPlane): number {
  return processorTicks(child.pid ?? 0) / TICKS_PER_SECOND;
}
