/** A control plane with a cloud server that answers what each test says. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cluster, ClusterStatus, LaunchPlan, VaultReport } from '../../../src/protocol/cluster.ts';
import type { ErrorInfo } from '../../../src/protocol/errors.ts';
import type { Operation, OperationKind } from '../../../src/protocol/operation.ts';
import { serve, type TestServer } from '../client/servers.ts';

export const AT = '2026-03-04T10:00:00Z';

export const NO_SERVER: Cluster = {
  name: 'carapace-node',
  status: 'no_server',
  cloud: null,
  region: null,
  ip: null,
  launched_at: null,
  error: null,
  instance_type: null,
  price_per_hour: null,
  disk_price_per_hour: null,
  cost: null,
  autostop_minutes: null,
  use_spot: false,
  ssh_host: null,
  billed: 'nothing',
  note: null,
  stops_at: null,
  vaults: { public: null, private: null },
  synced_at: null,
  observed_at: AT,
  unreachable: null,
};

export const RUNNING: Cluster = {
  ...NO_SERVER,
  status: 'running',
  cloud: 'aws',
  region: 'us-east-1',
  ip: '203.0.113.10',
  launched_at: 1_772_618_400,
  instance_type: 'm6i.xlarge',
  price_per_hour: 0.192,
  disk_price_per_hour: 0.011,
  cost: 0.57,
  autostop_minutes: 30,
  ssh_host: 'carapace-node',
  billed: 'machine',
  vaults: { public: '/data/public', private: null },
  synced_at: AT,
};

export const VAULT: VaultReport = {
  vault: 'public',
  path: '/data/public',
  file_count: 12,
  bytes: 2048,
  added: null,
  changed: null,
  removed: null,
  ignored: { count: 0, files: [] },
  secrets: { count: 0, files: [] },
  problem: null,
  synced_at: null,
};

export const PLAN: LaunchPlan = {
  offer: {
    cloud: 'aws',
    region: 'us-east-1',
    instance_type: 'm6i.xlarge',
    cpus: 4,
    memory_gb: 16,
    price_per_hour: 0.192,
    spot_price_per_hour: null,
  },
  price_per_hour: 0.192,
  disk_price_per_hour: 0.011,
  vaults: [VAULT],
  warnings: [],
};

/** What a POST answers instead of an operation; undefined goes on as usual. */
export type Refuse = (path: string, body: unknown) => { status: number; error: ErrorInfo } | undefined;

const AFTER: Partial<Record<string, [OperationKind, ClusterStatus, ClusterStatus]>> = {
  launch: ['cluster.launch', 'provisioning', 'running'],
  start: ['cluster.start', 'provisioning', 'running'],
  stop: ['cluster.stop', 'stopping', 'stopped'],
  destroy: ['cluster.destroy', 'destroying', 'no_server'],
  sync: ['cluster.sync', 'running', 'running'],
};

export class StubCluster {
  cluster: Cluster = NO_SERVER;
  check: unknown = {};
  plan: LaunchPlan = PLAN;
  vaults: VaultReport[] = [];
  refuse: Refuse = () => undefined;
  /** How operations end. */
  end: Pick<Operation, 'status' | 'error'> = { status: 'succeeded', error: null };
  /** Operations go on until they are cancelled. */
  endless = false;
  /** `POST /api/cluster/launch`, with its body. */
  readonly log: [target: string, body: unknown][] = [];
  readonly operations: Operation[] = [];
  readonly #watchers = new Set<ServerResponse>();
  #events = 0;
  #server: TestServer | undefined;

  async listen(): Promise<void> {
    this.#server = await serve((request, response) => {
      void request.toArray().then((chunks) => {
        const text = Buffer.concat(chunks as Buffer[]).toString();
        this.#answer(request, response, text === '' ? undefined : JSON.parse(text));
      });
    });
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  targets(): string[] {
    return this.log.map(([target]) => target);
  }

  body(target: string): unknown {
    return this.log.findLast(([logged]) => logged === target)?.[1];
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: unknown): void {
    const [path = ''] = (request.url ?? '').split('?');
    this.log.push([`${request.method ?? ''} ${request.url ?? ''}`, body]);
    const [, operation] = /^\/api\/operations\/([^/]+)\/events$/.exec(path) ?? [];
    if (path === '/api/events') {
      this.#watch(response);
    } else if (operation !== undefined) {
      this.#tell(response, operation);
    } else {
      const [status, answer] = this.#json(request.method ?? '', path, body);
      response.writeHead(status).end(JSON.stringify(answer));
    }
  }

  #json(method: string, path: string, body: unknown): [number, unknown] {
    const refusal = this.refuse(path, body);
    if (refusal !== undefined) return [refusal.status, { error: refusal.error }];
    const [, operation, verb] = /^\/api\/operations(?:\/([^/]+))?(?:\/(cancel))?$/.exec(path) ?? [];
    if (operation !== undefined) return this.#operation(operation, verb === 'cancel');
    switch (path) {
      case '/api/health':
        return [200, { status: 'ok', version: '1.2.3' }];
      case '/api/workshops':
        return [200, { workshops: [] }];
      case '/api/operations':
        return [200, { operations: this.operations }];
      case '/api/cluster':
      case '/api/cluster/ssh':
        return [200, { cluster: this.cluster }];
      case '/api/cluster/autostop':
        this.cluster = { ...this.cluster, autostop_minutes: (body as { minutes: number }).minutes };
        return [200, { cluster: this.cluster }];
      case '/api/cluster/check':
        return [200, this.check];
      case '/api/cluster/plan':
        return [200, this.plan];
      case '/api/cluster/vaults':
        return [200, { vaults: this.vaults }];
      default:
        return method === 'POST' ? this.#begin(path.split('/').at(-1) ?? '', body) : [404, {}];
    }
  }

  #begin(verb: string, body: unknown): [number, unknown] {
    const [kind, during, after] = AFTER[verb] ?? [];
    if (kind === undefined || during === undefined || after === undefined) return [404, {}];
    const operation: Operation = {
      id: `op-${this.operations.length + 1}`,
      kind,
      subject: 'cluster',
      title: `${verb} the server`,
      status: 'running',
      started_at: AT,
      ended_at: null,
      deadline: AT,
      error: null,
    };
    this.operations.push(operation);
    if (verb === 'launch') {
      const { vaults } = body as { vaults?: { public?: string; private?: string } };
      this.cluster = { ...RUNNING, vaults: { public: vaults?.public ?? null, private: vaults?.private ?? null } };
    }
    this.#become(during);
    if (!this.endless) this.#end(operation.id, this.end, this.end.status === 'succeeded' ? after : 'error');
    return [202, { operation }];
  }

  #operation(id: string, cancels: boolean): [number, unknown] {
    if (cancels) this.#end(id, { status: 'cancelled', error: null }, 'error');
    return [200, { operation: this.operations.find((operation) => operation.id === id) }];
  }

  #end(id: string, end: Pick<Operation, 'status' | 'error'>, status: ClusterStatus): void {
    const index = this.operations.findIndex((operation) => operation.id === id);
    const operation = this.operations[index];
    if (operation?.status !== 'running') return;
    this.operations[index] = { ...operation, ...end, ended_at: AT };
    this.#become(status);
  }

  #become(status: ClusterStatus): void {
    const billed = status === 'stopped' ? 'disk' : status === 'no_server' ? 'nothing' : 'machine';
    this.cluster = { ...this.cluster, status, billed, observed_at: new Date().toISOString() };
    for (const watcher of this.#watchers) {
      watcher.write(this.#event('state', { message: status, subject: 'cluster', resource: { cluster: this.cluster } }));
    }
  }

  #watch(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    this.#watchers.add(response);
    response.once('close', () => this.#watchers.delete(response));
  }

  #tell(response: ServerResponse, id: string): void {
    const operation = this.operations.find((one) => one.id === id);
    const progress = this.#event('progress', { phase: 'machine', message: 'it boots', subject: 'cluster' });
    const end = this.#event('complete', { message: `${operation?.title ?? ''}: the end`, subject: `operation/${id}` });
    response.writeHead(200).end(operation?.status === 'cancelled' ? progress + end : progress);
  }

  #event(type: string, event: Record<string, unknown>): string {
    this.#events += 1;
    return `id: ${this.#events}\ndata: ${JSON.stringify({ timestamp: AT, type, ...event })}\n\n`;
  }
}
