/** A real seat of a real control plane, and the two ways into it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RequestOptions } from 'node:http';
import type { WebSocket } from 'ws';
import { WebSocket as Client } from 'ws';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { ensureControlPlane } from '../../src/client/daemon.ts';
import { waitForOperation } from '../../src/client/wait.ts';
import { socketFolder } from '../../src/lib/state-folder.ts';
import { endLeftovers } from '../support/processes.ts';

/** One way to the seat: straight to its sockets, or through the agent's proxy. */
export interface Way {
  openTerminal(): WebSocket;
  /** For `http.get` of a file. */
  fileRequest(path: string): RequestOptions;
}

export interface BenchSeat {
  readonly direct: Way;
  readonly proxied: Way;
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
  const { endpoint, token } = await client.access(workshop.id, 1, 'instructor');
  const headers = { authorization: `Bearer ${token}` };
  const prefix = `/proxy/${workshop.id}/1`;
  const sockets = join(socketFolder(home), `${workshop.id}-1`);
  const { hostname, port } = new URL(endpoint);
  return {
    direct: {
      openTerminal: () => new Client(`ws+unix:${sockets}/terminal.sock:/terminal`),
      fileRequest: (path) => ({ socketPath: join(sockets, 'files.sock'), path: `/files/${path}` }),
    },
    proxied: {
      openTerminal: () => new Client(`${endpoint.replace('http', 'ws')}${prefix}/terminal`, { headers }),
      fileRequest: (path) => ({ hostname, port, headers, path: `${prefix}/files/${path}` }),
    },
    folder: join(home, 'worker/seats', workshop.id, '1/home'),
    close: async () => {
      const { id } = await client.deleteWorkshop(workshop.id);
      await waitForOperation(client, id, { signal: AbortSignal.timeout(DEADLINE_MS) });
      await endLeftovers(home, 0);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
