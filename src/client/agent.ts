/** The API of the agent on a worker, typed. Used by the control plane. */
import {
  agentHealthSchema,
  agentInfoSchema,
  vmSchema,
  vmsAnswerSchema,
  type AgentHealth,
  type AgentInfo,
  type CreateVm,
  type ResetVm,
  type Vm,
} from '../protocol/agent.ts';
import type { Connection } from './connection.ts';
import { HttpTransport, type Peer } from './http.ts';

const PEER: Peer = { name: 'The agent', advice: 'Check that its worker runs and can be reached.' };

const HEALTH_DEADLINE_MS = 5_000;
/** The agent's own limit for a process seat is 30 s; a reset or a removal may have to end processes first. */
const SEAT_DEADLINE_MS = 60_000;

export interface AgentClientOptions {
  /** How long making, resetting or removing a seat may take, in milliseconds; default 60 s. */
  readonly seatDeadlineMs?: number;
}

export interface DeleteVmOptions {
  /** End the seat and keep its files for a later start. */
  readonly keepFiles?: boolean;
  readonly signal?: AbortSignal;
}

/** Every call has a deadline and throws the typed errors of src/protocol/errors.ts. */
export class AgentClient {
  readonly #http: HttpTransport;
  readonly #seatDeadlineMs: number;

  /** @param connection the agent's URL with the agent token */
  constructor(connection: Connection, options: AgentClientOptions = {}) {
    this.#http = new HttpTransport(connection, PEER);
    this.#seatDeadlineMs = options.seatDeadlineMs ?? SEAT_DEADLINE_MS;
  }

  health(signal?: AbortSignal): Promise<AgentHealth> {
    return this.#http.json(agentHealthSchema, {
      method: 'GET',
      path: '/health',
      signal,
      deadlineMs: HEALTH_DEADLINE_MS,
    });
  }

  info(signal?: AbortSignal): Promise<AgentInfo> {
    return this.#http.json(agentInfoSchema, { method: 'GET', path: '/info', signal });
  }

  /** Makes a seat; answers once its servers do. @throws ConflictError, NoCapacityError */
  createVm(request: CreateVm, signal?: AbortSignal): Promise<Vm> {
    return this.#http.json(vmSchema, {
      method: 'POST',
      path: '/vms',
      json: request,
      signal,
      deadlineMs: this.#seatDeadlineMs,
    });
  }

  async listVms(workshopId?: string, signal?: AbortSignal): Promise<Vm[]> {
    const query = workshopId === undefined ? '' : `?workshop_id=${encodeURIComponent(workshopId)}`;
    return (await this.#http.json(vmsAnswerSchema, { method: 'GET', path: `/vms${query}`, signal })).vms;
  }

  getVm(workshopId: string, seat: number, signal?: AbortSignal): Promise<Vm> {
    return this.#http.json(vmSchema, { method: 'GET', path: vmPath(workshopId, seat), signal });
  }

  /** Ends a seat; the same again changes nothing. */
  async deleteVm(workshopId: string, seat: number, options: DeleteVmOptions = {}): Promise<void> {
    const query = options.keepFiles === true ? '?keep=files' : '';
    await this.#http.send({
      method: 'DELETE',
      path: vmPath(workshopId, seat) + query,
      signal: options.signal,
      deadlineMs: this.#seatDeadlineMs,
    });
  }

  /** Brings a seat back as new; with a `generation` nobody enters it with a learner's token of an earlier one. */
  resetVm(workshopId: string, seat: number, how: ResetVm = {}, signal?: AbortSignal): Promise<Vm> {
    return this.#http.json(vmSchema, {
      method: 'POST',
      path: `${vmPath(workshopId, seat)}/reset`,
      json: how,
      signal,
      deadlineMs: this.#seatDeadlineMs,
    });
  }
}

function vmPath(workshopId: string, seat: number): string {
  return `/vms/${encodeURIComponent(workshopId)}/${seat}`;
}
