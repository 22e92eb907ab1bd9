import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { Agent } from '../../../src/agent/agent.ts';
import { AGENT_NOTES, UNDOCUMENTED as AGENT_UNDOCUMENTED } from '../../../src/agent/openapi-notes.ts';
import { createServer } from '../../../src/agent/server.ts';
import type { HttpService } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';
import { keyOfRoute, type OperationNotes } from '../../../src/lib/openapi/notes.ts';
import { recordedRoutes } from '../../../src/lib/openapi/record.ts';
import type { ControlPlane } from '../../../src/provisioning/control-plane.ts';
import { CONTROL_PLANE_NOTES, UNDOCUMENTED } from '../../../src/provisioning/http/openapi-notes.ts';
import { createControlPlaneServer } from '../../../src/provisioning/http/server.ts';

const log = createLog('test', 'error', new PassThrough());

/** Each route is told or left out with a reason, and nothing is told that is none. */
async function agree(service: HttpService, notes: OperationNotes, undocumented: object): Promise<void> {
  await service.ready();
  const routes = new Set(recordedRoutes(service).map(keyOfRoute));
  const bare = [...routes].filter((key) => !(key in notes) && !((key.split(' ')[1] ?? '') in undocumented));
  assert.deepEqual(bare, [], 'routes without a note');
  assert.deepEqual(
    Object.keys(notes).filter((key) => !routes.has(key)),
    [],
    'notes without a route',
  );
  const ids = Object.values(notes).map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length, 'ids are unique');
}

describe('the notes of the OpenAPI documents', () => {
  it('are of every route of the control plane', async () => {
    // What handlers need is taken from it when they are added, and used when they are called.
    const controlPlane: unknown = {};
    const service = createControlPlaneServer(controlPlane as ControlPlane, { token: 'token', log, pages: new Map() });
    await agree(service, CONTROL_PLANE_NOTES, UNDOCUMENTED);
  });

  it('are of every route of the agent', async () => {
    const agent = { seats: { list: () => [] } } as unknown as Agent;
    const options = { agent, agentToken: 'token', workspaceTokenSecret: 'secret', allowedOrigins: [], log };
    await agree(createServer(options), AGENT_NOTES, AGENT_UNDOCUMENTED);
  });
});
