/** The control plane's API, typed. */
import { accessSchema, type Access, type Role } from '../protocol/access.ts';
import {
  clusterAnswerSchema,
  clusterCheckSchema,
  launchPlanSchema,
  offersAnswerSchema,
  vaultReportsAnswerSchema,
  type ActivityKind,
  type Cluster,
  type ClusterCheck,
  type EndCluster,
  type LaunchCluster,
  type LaunchPlan,
  type Offer,
  type SyncCluster,
  type VaultPaths,
  type VaultReport,
} from '../protocol/cluster.ts';
import { healthSchema, type Health } from '../protocol/daemon.ts';
import type { NumberedEvent } from '../protocol/event.ts';
import {
  createdWorkshopSchema,
  operationAnswerSchema,
  operationsAnswerSchema,
  type CreatedWorkshop,
  type Operation,
} from '../protocol/operation.ts';
import { runtimesAnswerSchema, type RuntimesAnswer } from '../protocol/runtimes.ts';
import {
  learnersAnswerSchema,
  seatsAnswerSchema,
  workshopAnswerSchema,
  workshopsAnswerSchema,
  type CreateWorkshop,
  type Learner,
  type Seat,
  type Workshop,
} from '../protocol/workshop.ts';
import type { Connection } from './connection.ts';
import { HttpTransport, type Peer } from './http.ts';
import { ACCESS_DEADLINE_MS, LearnerCalls, openEvents } from './learner-calls.ts';
import type { Method } from './transport.ts';

const PEER: Peer = {
  name: 'The control plane',
  advice: 'Start one with "carapace serve", or check the address and the network.',
};

const HEALTH_DEADLINE_MS = 3_000;
/** SkyPilot's server may have to start first, and each cloud is asked. */
const CHECK_DEADLINE_MS = 120_000;
/** The clouds are asked before the answer, and the server for its files. */
const CLUSTER_DEADLINE_MS = 180_000;

export interface CreateOptions {
  /** A repeated request with the same key answers the same workshop and makes no second one. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/**
 * Every call has a deadline, and throws the typed errors of src/protocol/errors.ts: UnavailableError where the control
 * plane cannot be reached, or the error that it answered; the signal's own reason where the caller gave up.
 */
export class ControlPlaneClient extends LearnerCalls {
  /** Where it is reached. */
  readonly url: string;
  readonly #http: HttpTransport;

  constructor(connection: Connection) {
    const http = new HttpTransport(connection, PEER);
    super(http);
    this.url = connection.url;
    this.#http = http;
  }

  health(signal?: AbortSignal): Promise<Health> {
    return this.#http.json(healthSchema, {
      method: 'GET',
      path: '/api/health',
      signal,
      deadlineMs: HEALTH_DEADLINE_MS,
    });
  }

  /** What seats of the control plane's machine can be. */
  runtimes(signal?: AbortSignal): Promise<RuntimesAnswer> {
    return this.#http.json(runtimesAnswerSchema, { method: 'GET', path: '/api/runtimes', signal });
  }

  async listWorkshops(signal?: AbortSignal): Promise<Workshop[]> {
    return (await this.#http.json(workshopsAnswerSchema, { method: 'GET', path: '/api/workshops', signal })).workshops;
  }

  async getWorkshop(id: string, signal?: AbortSignal): Promise<Workshop> {
    return (await this.#http.json(workshopAnswerSchema, { method: 'GET', path: workshopPath(id), signal })).workshop;
  }

  createWorkshop(request: CreateWorkshop, options: CreateOptions = {}): Promise<CreatedWorkshop> {
    return this.#http.json(createdWorkshopSchema, {
      method: 'POST',
      path: '/api/workshops',
      json: request,
      ...(options.idempotencyKey !== undefined && { headers: { 'idempotency-key': options.idempotencyKey } }),
      signal: options.signal,
    });
  }

  startWorkshop(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(id)}/start`, signal);
  }

  stopWorkshop(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(id)}/stop`, signal);
  }

  deleteWorkshop(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('DELETE', workshopPath(id), signal);
  }

  /** @param expiresInMinutes the new time left, counted from now */
  extendWorkshop(id: string, expiresInMinutes: number, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(id)}/extend`, signal, { expires_in_minutes: expiresInMinutes });
  }

  async listSeats(workshopId: string, signal?: AbortSignal): Promise<Seat[]> {
    const path = `${workshopPath(workshopId)}/seats`;
    return (await this.#http.json(seatsAnswerSchema, { method: 'GET', path, signal })).seats;
  }

  async listLearners(workshopId: string, signal?: AbortSignal): Promise<Learner[]> {
    const path = `${workshopPath(workshopId)}/learners`;
    return (await this.#http.json(learnersAnswerSchema, { method: 'GET', path, signal })).learners;
  }

  resetSeat(workshopId: string, seat: number, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${workshopPath(workshopId)}/seats/${seat}/reset`, signal);
  }

  /** How somebody with that role gets into a seat. */
  access(workshopId: string, seat: number, role: Role, signal?: AbortSignal): Promise<Access> {
    return this.#http.json(accessSchema, {
      method: 'POST',
      path: `${workshopPath(workshopId)}/seats/${seat}/access`,
      json: { role },
      signal,
      deadlineMs: ACCESS_DEADLINE_MS,
    });
  }

  /** Takes a seat away from its learner and resets it: what is in it goes, and its tokens open it no more. */
  freeSeat(workshopId: string, seat: number, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('DELETE', `${workshopPath(workshopId)}/learners/${seat}`, signal);
  }

  async getCluster(signal?: AbortSignal): Promise<Cluster> {
    return (await this.#http.json(clusterAnswerSchema, { method: 'GET', path: '/api/cluster', signal })).cluster;
  }

  /** Whether SkyPilot and the clouds can be used. @param skyPath where the command is; absent: on the PATH */
  checkCluster(skyPath?: string, signal?: AbortSignal): Promise<ClusterCheck> {
    const query = skyPath === undefined ? '' : `?sky_path=${encodeURIComponent(skyPath)}`;
    const path = `/api/cluster/check${query}`;
    return this.#http.json(clusterCheckSchema, { method: 'GET', path, signal, deadlineMs: CHECK_DEADLINE_MS });
  }

  /** What can be rented that fits the wish, the cheapest first. */
  async listOffers(wish: LaunchCluster, signal?: AbortSignal): Promise<Offer[]> {
    const request = { method: 'POST', path: '/api/cluster/offers', json: wish, signal } as const;
    return (await this.#http.json(offersAnswerSchema, { ...request, deadlineMs: CHECK_DEADLINE_MS })).offers;
  }

  /** What a launch would do and cost; nothing is made. */
  planCluster(wish: LaunchCluster, signal?: AbortSignal): Promise<LaunchPlan> {
    const request = { method: 'POST', path: '/api/cluster/plan', json: wish, signal } as const;
    return this.#http.json(launchPlanSchema, { ...request, deadlineMs: CLUSTER_DEADLINE_MS });
  }

  launchCluster(wish: LaunchCluster, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', '/api/cluster/launch', signal, wish, CLUSTER_DEADLINE_MS);
  }

  startCluster(signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', '/api/cluster/start', signal, {}, CLUSTER_DEADLINE_MS);
  }

  stopCluster(how: EndCluster, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', '/api/cluster/stop', signal, how, CLUSTER_DEADLINE_MS);
  }

  destroyCluster(how: EndCluster, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', '/api/cluster/destroy', signal, how, CLUSTER_DEADLINE_MS);
  }

  syncCluster(how: SyncCluster, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', '/api/cluster/sync', signal, how, CLUSTER_DEADLINE_MS);
  }

  /** @param minutes 0 for never */
  async setAutostop(minutes: number, signal?: AbortSignal): Promise<Cluster> {
    const request = { method: 'POST', path: '/api/cluster/autostop', json: { minutes }, signal } as const;
    return (await this.#http.json(clusterAnswerSchema, { ...request, deadlineMs: CLUSTER_DEADLINE_MS })).cluster;
  }

  /** Tells that somebody works with the server. */
  async tellActivity(kind: ActivityKind, signal?: AbortSignal): Promise<Cluster> {
    const request = { method: 'POST', path: '/api/cluster/activity', json: { kind }, signal } as const;
    return (await this.#http.json(clusterAnswerSchema, request)).cluster;
  }

  /** How the vaults are on this machine, against the last sync. @param vaults absent: those of the cluster */
  async inspectVaults(vaults?: VaultPaths, signal?: AbortSignal): Promise<VaultReport[]> {
    const json = vaults === undefined ? {} : { vaults };
    const request = { method: 'POST', path: '/api/cluster/vaults', json, signal } as const;
    return (await this.#http.json(vaultReportsAnswerSchema, { ...request, deadlineMs: CHECK_DEADLINE_MS })).vaults;
  }

  /** Has the SSH entry of the server written anew, and tries it. @throws UnavailableError where it does not answer */
  async prepareSsh(signal?: AbortSignal): Promise<Cluster> {
    const request = { method: 'POST', path: '/api/cluster/ssh', json: {}, signal } as const;
    return (await this.#http.json(clusterAnswerSchema, { ...request, deadlineMs: CHECK_DEADLINE_MS })).cluster;
  }

  async listOperations(signal?: AbortSignal): Promise<Operation[]> {
    const answer = await this.#http.json(operationsAnswerSchema, { method: 'GET', path: '/api/operations', signal });
    return answer.operations;
  }

  getOperation(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('GET', operationPath(id), signal);
  }

  cancelOperation(id: string, signal?: AbortSignal): Promise<Operation> {
    return this.#operation('POST', `${operationPath(id)}/cancel`, signal);
  }

  /** One operation's events from its start; ends after its last one. */
  operationEvents(id: string, options: { readonly signal: AbortSignal }): AsyncIterable<NumberedEvent> {
    return openEvents(this.#http, `${operationPath(id)}/events`, options);
  }

  async #operation(
    method: Method,
    path: string,
    signal?: AbortSignal,
    json?: unknown,
    deadlineMs?: number,
  ): Promise<Operation> {
    const request = {
      method,
      path,
      signal,
      ...(json !== undefined && { json }),
      ...(deadlineMs !== undefined && { deadlineMs }),
    };
    return (await this.#http.json(operationAnswerSchema, request)).operation;
  }
}

function workshopPath(id: string): string {
  return `/api/workshops/${encodeURIComponent(id)}`;
}

function operationPath(id: string): string {
  return `/api/operations/${encodeURIComponent(id)}`;
}
