/** Control planes beside a fake SkyPilot, with two vaults to mount. */
import assert from 'node:assert/strict';
import { it } from 'mocha';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { Cluster, ClusterStatus, LaunchCluster, VaultName } from '../../src/protocol/cluster.ts';
import { CarapaceError, UnavailableError, type ErrorCode } from '../../src/protocol/errors.ts';
import type { CarapaceEvent } from '../../src/protocol/event.ts';
import type { Operation, OperationKind } from '../../src/protocol/operation.ts';
import type { Timing } from '../../src/provisioning/settings.ts';
import { FakeSky, type SkyBehaviour } from '../fakes/sky/fake-sky.ts';
import { ended, TestState, until, type TestControlPlane } from './control-plane-harness.ts';

/** Whether the long matrices are run whole; else a part of each that tells most. */
export const IS_FULL = process.env['CARAPACE_TEST_FULL'] === '1';

/** A test that is only run when all of them are. */
export const full = IS_FULL ? it : it.skip;

/** Seconds become tenths: the fake takes milliseconds. */
const TIMING: Partial<Timing> = {
  observeMs: 300,
  observeBusyMs: 1_000,
  observeQuietMs: 600,
  clusterSettleMs: 100,
  clusterCleanupMs: 8_000,
};

/** How an operation ended, with all that it told. */
export type Ended = Operation & { readonly events: readonly CarapaceEvent[] };

export class ClusterTest {
  readonly state: TestState;
  readonly fake: FakeSky;
  readonly vaults: Readonly<Record<VaultName, string>>;

  private constructor(state: TestState, fake: FakeSky) {
    this.state = state;
    this.fake = fake;
    this.vaults = { public: join(state.folder, 'vaults/public'), private: join(state.folder, 'vaults/private') };
    this.write('public', 'hello.txt', 'for all\n');
    this.write('private', 'notes/plan.md', 'for me\n');
  }

  static async create(): Promise<ClusterTest> {
    const state = new TestState();
    return new ClusterTest(state, await FakeSky.create(join(state.folder, 'sky')));
  }

  get wish(): LaunchCluster {
    return { cloud: 'aws', region: 'us-east-1', vaults: this.vaults };
  }

  /** Starts a control plane that knows of SkyPilot by its login shell only. */
  serve(environment: Record<string, string> = {}, timing: Partial<Timing> = {}): Promise<TestControlPlane> {
    const limits = JSON.stringify({ ...TIMING, ...timing });
    return this.state.serve({ ...this.fake.desktopEnvironment, CARAPACE_TIMING: limits, ...environment });
  }

  behave(behaviour: SkyBehaviour): void {
    this.fake.behave(behaviour);
  }

  /** Writes a file of a vault here. */
  write(vault: VaultName, path: string, text: string): void {
    const file = join(this.vaults[vault], path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Where a file of a vault is on the server. */
  onServer(vault: VaultName, path: string): string {
    return this.fake.remotePath(`opt/carapace/data/${vault}/${path}`);
  }

  readOnServer(vault: VaultName, path: string): string {
    return readFileSync(this.onServer(vault, path), 'utf8');
  }

  async launched(client: ControlPlaneClient, wish: LaunchCluster = this.wish): Promise<Ended> {
    return wentWell(client, await client.launchCluster(wish));
  }

  /** The states of the machines that cost something, as the cloud has them. */
  machines(): string[] {
    return this.fake.machines().map(({ state }) => state);
  }

  /** Exactly one machine was ever made. */
  assertOneMachineEver(): void {
    assert.equal(this.fake.everyMachine().length, 1, 'one machine was made');
  }

  assertNothingWasMade(): void {
    assert.deepEqual(this.fake.everyMachine(), []);
    assert.deepEqual(this.fake.records(), []);
  }

  assertNothingIsBilled(): void {
    assert.deepEqual(this.fake.machines(), []);
    assert.deepEqual(this.fake.records(), []);
  }

  async dispose(): Promise<void> {
    await this.state.dispose();
  }
}

/** Waits for an operation's end, and that it is a good one. */
export async function wentWell(client: ControlPlaneClient, operation: Operation | null): Promise<Ended> {
  const end = await ended(client, operation);
  assert.equal(end.status, 'succeeded', JSON.stringify(end.error));
  return end;
}

/** Waits until the cluster is in that state, looking as somebody does who has the tree open. */
export function reaches(client: ControlPlaneClient, status: ClusterStatus): Promise<Cluster> {
  return reachesWhere(client, `the server is ${status}`, (cluster) => cluster.status === status);
}

export function reachesWhere(
  client: ControlPlaneClient,
  what: string,
  isIt: (cluster: Cluster) => boolean,
): Promise<Cluster> {
  return until(what, async () => {
    const cluster = await client.getCluster();
    return isIt(cluster) ? cluster : undefined;
  });
}

/** Sends a request whose answer may be lost with the control plane. */
export async function attempt<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof UnavailableError) return undefined;
    throw error;
  }
}

/** The newest operation of a kind; undefined where none was begun. */
export async function newest(client: ControlPlaneClient, kind: OperationKind): Promise<Operation | undefined> {
  return (await client.listOperations()).find((operation) => operation.kind === kind);
}

/** A refusal with that code, and a sentence in which all of these are. */
export async function refusal(request: Promise<unknown>, code: ErrorCode, ...words: RegExp[]): Promise<CarapaceError> {
  const error = await request.then(
    () => assert.fail(`it was not refused with ${code}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CarapaceError, String(error));
  assert.equal(error.code, code, error.message);
  for (const word of words) assert.match(error.message, word);
  return error;
}

/** The end of an operation that failed with that code, and a sentence in which all of these are. */
export function assertFailed(end: Ended, code: ErrorCode, ...words: RegExp[]): void {
  assert.equal(end.status, 'failed', JSON.stringify(end));
  assert.equal(end.error?.code, code, end.error?.message);
  for (const word of words) assert.match(end.error.message, word);
}

/** The parts that an operation went through, as it told them. */
export function phasesOf({ events }: Ended): string[] {
  return [...new Set(events.flatMap(({ type, phase }) => (type === 'progress' && phase !== undefined ? [phase] : [])))];
}
