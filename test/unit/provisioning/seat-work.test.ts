import assert from 'node:assert/strict';
import type { AgentClient } from '../../../src/client/agent.ts';
import type { Vm } from '../../../src/protocol/agent.ts';
import { ConflictError, NotFoundError } from '../../../src/protocol/errors.ts';
import type { OperationContext } from '../../../src/provisioning/operations/handler.ts';
import type { LocalWorker } from '../../../src/provisioning/workers/local/local-worker.ts';
import { LocalWorkers } from '../../../src/provisioning/workers/local/local-workers.ts';
import { SeatWork } from '../../../src/provisioning/workshop/seat-work.ts';
import { addWorkshop, openStore, workerOf, type TestStore } from './fixtures.ts';

const SEAT = 1;

/** An agent of one seat: what it has of it, and the first generation of learners that it lets in. */
class OneSeat {
  vm: Vm | undefined;
  readonly #workshopId: string;
  first = 0;

  constructor(workshopId: string) {
    this.#workshopId = workshopId;
    this.make();
  }

  make(): Vm {
    const made = { ip: null, started_in_ms: 1, from_snapshot: false, connections: 0 };
    const created_at = new Date().toISOString();
    this.vm = { workshop_id: this.#workshopId, seat_id: SEAT, status: 'ready', created_at, ...made };
    return this.vm;
  }

  client(): AgentClient {
    const there = (): Vm => {
      if (this.vm === undefined) throw new NotFoundError('not here');
      return this.vm;
    };
    const client: Partial<AgentClient> = {
      getVm: async () => Promise.resolve(there()),
      createVm: async () => {
        if (this.vm !== undefined) throw new ConflictError('it exists');
        return Promise.resolve(this.make());
      },
      // Without its files nothing is remembered of a seat.
      deleteVm: async (_workshop, _seat, options) => {
        this.vm = undefined;
        if (options?.keepFiles !== true) this.first = 0;
        return Promise.resolve();
      },
      resetVm: async (_workshop, _seat, how) => {
        there();
        this.first = Math.max(this.first, how?.generation ?? 0);
        return Promise.resolve(this.make());
      },
    };
    return client as AgentClient;
  }
}

/** A worker whose agent is that one. */
function workerWith(test: TestStore, agent: OneSeat): LocalWorker {
  const worker = workerOf(test);
  worker.hold = (work, _purpose, action) => action({ call: (call) => call(agent.client(), work.signal) });
  return worker;
}

describe('the reset of a seat that was taken from a learner before', () => {
  let test: TestStore;
  beforeEach(() => (test = openStore()));
  afterEach(() => test.dispose());

  for (const isThere of [true, false]) {
    it(`keeps that learner out, where the agent ${isThere ? 'has the seat' : 'has lost it'}`, async () => {
      const workshop = addWorkshop(test, { seats: 1 }, { generation: 2 });
      const agent = new OneSeat(workshop.id);
      agent.first = 2;
      if (!isThere) agent.vm = undefined;
      const { store, records } = test;
      const seats = new SeatWork({ store, records, workers: new LocalWorkers([workerWith(test, agent)]) });
      const context = {
        // Before the seat was made: as where a control plane has died in the middle.
        operation: { started_at: '2026-01-01T00:00:00.000Z' },
        signal: new AbortController().signal,
        progress: () => undefined,
        step: async (_name: string, work: () => unknown) => Promise.resolve(work()),
      } as unknown as OperationContext;
      await seats.reset(context, workshop.id, SEAT);
      assert.equal(agent.first, 2, 'learners of before');
      // As where it died after it had made the seat.
      agent.first = 0;
      await seats.reset(context, workshop.id, SEAT);
      assert.equal(agent.first, 2, 'also where it is done again');
      assert.equal(store.seats.find(workshop.id, SEAT)?.status, 'ready');
    });
  }
});
