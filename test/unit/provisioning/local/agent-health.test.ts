import assert from 'node:assert/strict';
import { AgentClient } from '../../../../src/client/agent.ts';
import type { AgentHealth } from '../../../../src/protocol/agent.ts';
import { TimedOutError, UnavailableError } from '../../../../src/protocol/errors.ts';
import { untilHealthy } from '../../../../src/provisioning/workers/local/agent-health.ts';
import { serve, type TestServer } from '../../client/servers.ts';

const FACTS = { worker_id: 'w', version: '0', runtime: 'qemu', accelerated: false } as const;

describe('waiting for an agent', () => {
  let server: TestServer;
  let statuses: AgentHealth['status'][] = [];
  let problem: string | null = null;
  let lives = true;
  const seen: string[] = [];
  const problems: string[] = [];

  beforeEach(async () => {
    [lives, problem] = [true, null];
    seen.length = problems.length = 0;
    server = await serve((request, response) => {
      const [status = 'starting'] = request.url === '/health' && statuses.length > 1 ? statuses.splice(0, 1) : statuses;
      const health = { status, ...FACTS, vm_count: 0, capacity: 1, uptime_seconds: 1 };
      const info = { ...FACTS, versions: {}, images: [], bridge: null, limits: {}, problem };
      const answers: Record<string, unknown> = { '/health': health, '/info': info, '/vms': { vms: [] } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answers[request.url ?? '']));
    });
  });
  afterEach(() => server.close());

  const wait = (withinMs: number): Promise<void> =>
    untilHealthy({
      client: new AgentClient({ url: server.url, token: 'x' }),
      withinMs,
      logFile: '/logs/agent-qemu.log',
      signal: AbortSignal.timeout(9_000),
      isAlive: () => lives,
      onHealth: ({ status }) => seen.push(status),
      onProblem: (told) => problems.push(told),
    });

  it('ends when it is healthy, and tells what it said of itself before', async () => {
    statuses = ['starting', 'unhealthy', 'healthy'];
    problem = 'There is no image.';
    await wait(5_000);
    assert.deepEqual(seen, ['starting', 'unhealthy', 'healthy']);
    assert.deepEqual(problems, ['There is no image.']);
  });

  it('ends at the time limit with the agent’s own reason', async () => {
    statuses = ['unhealthy'];
    problem = 'There is no image.';
    await assert.rejects(
      wait(1_000),
      (error) =>
        error instanceof TimedOutError &&
        error.message ===
          'The agent of this machine was not ready within 1 s: There is no image. Seats that are plain processes, which are not kept apart, can be had meanwhile: make the workshop with the runtime "process". Its log is /logs/agent-qemu.log.',
    );
    assert.deepEqual(problems, ['There is no image.'], 'a reason is told once');
    statuses = ['starting'];
    await assert.rejects(wait(1_000), /within 1 s: it says that it is starting\. .*"process"\. Its log/);
  });

  it('ends with an agent that dies', async () => {
    statuses = ['starting'];
    setTimeout(() => (lives = false), 150);
    await assert.rejects(wait(5_000), (error) => error instanceof UnavailableError && error.message.includes('ended'));
  });
});
