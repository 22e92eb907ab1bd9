/** A SkyPilot that is only in memory: one cluster, its requests, and what a test has them do. */
import { SkyNotInstalledError, UnavailableError } from '../../../../src/protocol/errors.ts';
import type { Offer } from '../../../../src/protocol/cluster.ts';
import type {
  Sky,
  SkyFinder,
  SkyLine,
  SkyOutcome,
  SkyRecord,
  SkyRequest,
  SkyVerb,
} from '../../../../src/provisioning/cluster/sky/sky.ts';
import { untilAborted } from '../../../../src/provisioning/operations/abort.ts';

export const UP: SkyRecord = {
  name: 'carapace-node',
  status: 'UP',
  launchedAt: 1_800_000_000,
  cloud: 'AWS',
  region: 'us-east-1',
  zone: 'us-east-1a',
  instanceType: 'm6i.xlarge',
  ip: '203.0.113.10',
  useSpot: false,
  autostopMinutes: 30,
  toDown: false,
  hash: 'hash-1',
  lastEvent: null,
};

export const OFFER: Offer = {
  cloud: 'AWS',
  region: 'us-east-1',
  instance_type: 'm6i.xlarge',
  cpus: 4,
  memory_gb: 16,
  price_per_hour: 0.192,
  spot_price_per_hour: 0.07,
};

interface Held extends SkyRequest {
  readonly name: string;
  readonly outcome: PromiseWithResolvers<SkyOutcome>;
  ended: SkyOutcome | undefined;
}

/** What the cloud does when a request succeeds. */
const AFTER: Readonly<Record<SkyVerb, (record: SkyRecord | undefined, name: string) => SkyRecord | undefined>> = {
  launch: (record, name) => ({ ...UP, ...record, name, status: 'UP', ip: UP.ip }),
  start: (record, name) => ({ ...UP, ...record, name, status: 'UP', ip: UP.ip }),
  stop: (record) => record && { ...record, status: 'STOPPED', ip: null },
  down: () => undefined,
};

export class StubSky implements Sky {
  readonly command = '/opt/sky/bin/sky';
  readonly version = '0.14.1';
  readonly environment = {};
  /** What the cloud really has; SkyPilot's own record follows it by a refresh. */
  record: SkyRecord | undefined;
  /** Every call that asks for something, as `launch`, `launch fast`, `stop`, `cancel`, `refresh`, `cache`. */
  readonly calls: string[] = [];
  readonly requests = new Map<string, Held>();
  readonly tasks: string[] = [];
  /** Verbs whose requests do not end by themselves. */
  readonly held = new Set<SkyVerb>();
  /** How requests end that end by themselves; success where absent. */
  readonly outcomes = new Map<SkyVerb, SkyOutcome>();
  /** Verbs whose success changes nothing. */
  readonly lying = new Set<SkyVerb>();
  lines: SkyLine[] = [];
  away = false;
  serving = true;
  installed = true;
  found = 0;
  enabledClouds = ['AWS'];
  offered: readonly Offer[] = [OFFER];
  #cached: SkyRecord | undefined;

  readonly finder: SkyFinder = {
    find: async () => {
      this.found += 1;
      await Promise.resolve();
      if (!this.installed) throw new SkyNotInstalledError('SkyPilot not installed: no "sky" is on the PATH.');
      return this;
    },
    installCommand: () => Promise.resolve('uv tool install skypilot'),
  };

  isServing(): Promise<boolean> {
    this.calls.push('serving?');
    return Promise.resolve(this.serving);
  }

  check() {
    this.calls.push('check');
    const disabled_clouds: Record<string, string> = { GCP: 'no credentials were found' };
    return Promise.resolve({ enabled_clouds: this.enabledClouds, disabled_clouds });
  }

  status(name: string, { refresh }: { readonly refresh: boolean }): Promise<SkyRecord | undefined> {
    this.calls.push(refresh ? 'refresh' : 'cache');
    this.#answer();
    if (refresh) this.#cached = this.record;
    return Promise.resolve(this.#cached?.name === name ? this.#cached : undefined);
  }

  activeRequests(name: string): Promise<readonly SkyRequest[]> {
    this.#answer();
    const active = [...this.requests.values()].filter((one) => one.ended === undefined && one.name === name);
    return Promise.resolve(active.map(({ id, verb }) => ({ id, verb })));
  }

  launch(name: string, taskFile: string, { fast = false }: { readonly fast?: boolean }): Promise<string> {
    this.tasks.push(taskFile);
    return this.#submit('launch', name, fast ? 'launch fast' : 'launch');
  }

  start(name: string): Promise<string> {
    return this.#submit('start', name);
  }

  stop(name: string): Promise<string> {
    return this.#submit('stop', name);
  }

  down(name: string): Promise<string> {
    return this.#submit('down', name);
  }

  autostop(_name: string, minutes: number): Promise<void> {
    this.calls.push(`autostop ${minutes}`);
    const autostopMinutes = minutes === 0 ? null : minutes;
    if (this.record !== undefined) this.setRecord({ ...this.record, autostopMinutes });
    return Promise.resolve();
  }

  async follow(id: string, onLine: (line: SkyLine) => void, signal: AbortSignal): Promise<SkyOutcome> {
    const request = this.requests.get(id);
    if (request === undefined) return { kind: 'lost' };
    for (const line of this.lines) onLine(line);
    if (!this.held.has(request.verb)) this.end(id, this.outcomes.get(request.verb) ?? { kind: 'succeeded' });
    return untilAborted(request.outcome.promise, signal);
  }

  cancel(id: string): Promise<void> {
    this.calls.push('cancel');
    this.#answer();
    if (this.requests.get(id)?.ended === undefined) this.end(id, { kind: 'cancelled' });
    return Promise.resolve();
  }

  writeSshEntry(): Promise<void> {
    this.calls.push('ssh entry');
    return Promise.resolve();
  }

  offers(): Promise<readonly Offer[]> {
    return Promise.resolve(this.offered);
  }

  canStop(cloud: string, useSpot: boolean): boolean {
    return cloud !== 'Lambda' && !useSpot;
  }

  /** Ends a request, with what it does to the cluster. */
  end(id: string, outcome: SkyOutcome): void {
    const request = this.requests.get(id);
    if (request === undefined || request.ended !== undefined) return;
    request.ended = outcome;
    if (outcome.kind === 'succeeded' && !this.lying.has(request.verb)) {
      this.setRecord(AFTER[request.verb](this.record, request.name));
    }
    request.outcome.resolve(outcome);
  }

  /** SkyPilot's server was started again: its requests are unknown and have ended. */
  forgetRequests(): void {
    for (const request of this.requests.values()) request.outcome.resolve({ kind: 'lost' });
    this.requests.clear();
  }

  /** The cloud and SkyPilot's record of it. */
  setRecord(record: SkyRecord | undefined): void {
    this.record = record;
    this.#cached = record;
  }

  count(call: string): number {
    return this.calls.filter((one) => one === call).length;
  }

  #submit(verb: SkyVerb, name: string, call: string = verb): Promise<string> {
    this.calls.push(call);
    this.#answer();
    const id = `request-${this.requests.size + 1}-${this.calls.length}`;
    this.requests.set(id, { id, verb, name, outcome: Promise.withResolvers(), ended: undefined });
    return Promise.resolve(id);
  }

  #answer(): void {
    if (this.away) throw new UnavailableError('SkyPilot’s server does not answer.');
  }
}
