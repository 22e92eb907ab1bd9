import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '../../../src/agent/agent.ts';
import { SeatRegistry } from '../../../src/agent/seats/seat-registry.ts';
import { createServer } from '../../../src/agent/server.ts';
import type { RunningSeat, VmDriver } from '../../../src/agent/vmm/driver.ts';
import type { HttpService } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';
import type { AgentHealth } from '../../../src/protocol/agent.ts';
import { UnavailableError, type ErrorBody } from '../../../src/protocol/errors.ts';

const HEADERS = { authorization: 'Bearer the-agent-token' };

/** A driver that takes as long to adopt as the test wants, and whose probe fails. */
function hesitantDriver(adopted: Promise<RunningSeat[]>): VmDriver {
  const never = () => Promise.reject(new UnavailableError('not here'));
  return {
    runtime: 'process',
    accelerated: false,
    capacity: 1,
    versions: () => ({}),
    probe: () => Promise.reject(new UnavailableError('Seats cannot be made: the shell is missing.')),
    adopt: () => adopted,
    create: never,
    reset: never,
    destroy: () => Promise.resolve(),
    isRunning: () => false,
  };
}

describe('the server of an agent that is starting', () => {
  let server: HttpService;
  let ended: AbortController;
  let running: Promise<void>;
  let adopt: () => void;

  beforeEach(() => {
    const log = createLog('test', 'silent');
    const driver = hesitantDriver(new Promise((resolve) => (adopt = () => resolve([]))));
    const seats = new SeatRegistry({ driver, log });
    const agent = new Agent({ driver, seats, workerId: 'worker-1', log });
    const secrets = { agentToken: 'the-agent-token', workspaceTokenSecret: 'secret' };
    server = createServer({ agent, ...secrets, allowedOrigins: [], log });
    ended = new AbortController();
    running = agent.run(ended.signal);
  });

  afterEach(async () => {
    adopt();
    ended.abort();
    await running;
    await server.close();
  });

  async function health(): Promise<AgentHealth> {
    return (await server.inject('/health')).json();
  }

  async function started(): Promise<void> {
    while ((await health()).status === 'starting') await sleep(1);
  }

  it('answers health, and 503 with Retry-After for seats, until it has found its seats', async () => {
    assert.equal((await health()).status, 'starting');
    for (const url of ['/vms', '/vms/ws-a/1', '/proxy/ws-a/1/files']) {
      const answer = await server.inject({ url, headers: HEADERS });
      assert.deepEqual([answer.statusCode, answer.headers['retry-after']], [503, '1'], url);
      assert.equal((await server.inject({ url })).statusCode, 401, url);
    }
    adopt();
    await started();
    assert.equal((await server.inject({ url: '/vms', headers: HEADERS })).statusCode, 200);
    assert.equal((await server.inject({ url: '/proxy/ws-a/1/files', headers: HEADERS })).statusCode, 404);
  });

  it('is unhealthy when the probe seat fails, and says why it makes no seats', async () => {
    adopt();
    await started();
    assert.equal((await health()).status, 'unhealthy');
    const payload = { workshop_id: 'ws-a', seat_id: 1 };
    const answer = await server.inject({ method: 'POST', url: '/vms', headers: HEADERS, payload });
    assert.equal(answer.statusCode, 503);
    assert.match(answer.json<ErrorBody>().error.message, /the shell is missing/);
    assert.equal((await server.inject({ method: 'DELETE', url: '/vms/ws-a/1', headers: HEADERS })).statusCode, 204);
  });
});
