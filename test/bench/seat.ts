/** A real seat of a real control plane, and the two ways into it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RequestOptions } from 'node:http';
import { WebSocket } from 'ws';
import type { Access } from '../../src/protocol/access.ts';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { ensureControlPlane } from '../../src/client/daemon.ts';
import { waitForOperation } from '../../src/client/wait.ts';
import { socketFolder } from '../../src/lib/state-folder.ts';
import { endLeftovers } from '../support/processes.ts';

/** One way to the seat: straight to its sockets, or through the agent's proxy. */
export interface Way {
  /** In the plain mode. */
  readonly openTerminal: () => WebSocket;
  /** For `http.request` of a file. */
  readonly fileRequest: (path: string) => RequestOptions;
}

export interface BenchSeat {
  readonly direct: Way;
  readonly proxied: Way;
  readonly access: Access;
  readonly workshopId: string;
  /** The seat's folder. */
  readonly folder: string;
  close(): Promise<void>;
}

const DEADLINE_MS = 60_000;

export async function openSeat(): Promise<BenchSeat> {
  const home = mkdtempSync(join(tmpdir(), 'carapace-bench-'));
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const connection = await ensureControlPlane({ stateFolder: home, program: resolve('dist/cli.cjs'), signal });
  const client = new ControlPlaneClient(connection);
  const { workshop, operation } = await client.createWorkshop({ name: 'Bench', seats: 1, runtime: 'process' });
  if (operation !== null) await waitForOperation(client, operation.id, { signal });
  const access = await client.access(workshop.id, 1, 'instructor');
  const { endpoint, token } = access;
  const headers = { authorization: `Bearer ${token}` };
  const prefix = `/proxy/${workshop.id}/1`;
  const sockets = join(socketFolder(home), `${workshop.id}-1`);
  const { hostname, port } = new URL(endpoint);
  return {
    direct: {
      openTerminal: () => new WebSocket(`ws+unix:${sockets}/terminal.sock:/terminal`),
      fileRequest: (path) => ({ socketPath: join(sockets, 'files.sock'), path: `/files/${path}` }),
    },
    proxied: {
      openTerminal: () => new WebSocket(`${endpoint.replace('http', 'ws')}${prefix}/terminal`, { headers }),
      fileRequest: (path) => ({ hostname, port, headers, path: `${prefix}/files/${path}` }),
    },
    access,
    workshopId: workshop.id,
    folder: join(home, 'worker/seats', workshop.id, '1/home'),
    close: async () => {
      const { id } = await client.deleteWorkshop(workshop.id);
      await waitForOperation(client, id, { signal: AbortSignal.timeout(DEADLINE_MS) });
      await endLeftovers(home, 0);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
