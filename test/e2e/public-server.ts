/**
 * A control plane for others, in this process. Machines cannot be made everywhere, so its seats are processes, which a
 * real server for others refuses: everything else is as `carapace serve` puts it together, with a real agent and real seats.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { createLog } from '../../src/lib/log.ts';
import type { HttpService } from '../../src/lib/http-service.ts';
import { ControlPlane } from '../../src/provisioning/control-plane.ts';
import { readBrowserFiles } from '../../src/provisioning/http/browser-files.ts';
import { createControlPlaneServer } from '../../src/provisioning/http/server.ts';
import { readPublicServing } from '../../src/provisioning/public-site.ts';
import { readTiming } from '../../src/provisioning/settings.ts';
import { Store } from '../../src/provisioning/store/store.ts';
import { kill, processesNaming } from '../support/processes.ts';

/** Not one of the three loopback names, and so a public address for the control plane; reached from here alone. */
export const PUBLIC_HOST = '127.0.0.2';
export const PUBLIC_TOKEN = 'the-token-of-this-server-that-is-long-enough';

const FIXTURES = resolve(import.meta.dirname, '../unit/client/fixtures');
const PROGRAMS = resolve(import.meta.dirname, '../../dist');

/** Two certificates that servers have made for themselves. */
export type OwnCertificate = 'one' | 'two';

export function certificateFile(name: OwnCertificate): string {
  return join(FIXTURES, `${name}.cert.pem`);
}

export function keyFile(name: OwnCertificate): string {
  return join(FIXTURES, `${name}.key.pem`);
}

/** One state folder over all starts of its server. */
export class PublicServer {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-public-')));
  #running: { readonly store: Store; readonly controlPlane: ControlPlane; readonly server: HttpService } | undefined;
  #port = 0;
  #certificate = '';

  /** Starts it, from the second time on at the same address. */
  async start(name: OwnCertificate): Promise<void> {
    const store = Store.open(join(this.folder, 'store.db'));
    const files = { tlsCert: certificateFile(name), tlsKey: keyFile(name) };
    const serving = await readPublicServing(PUBLIC_HOST, { ...files, token: PUBLIC_TOKEN });
    assert.ok(serving !== undefined);
    const exposure = { site: serving.site, refusesProcesses: false };
    const log = createLog('test', 'silent');
    const part = { store, stateFolder: this.folder, programFolder: PROGRAMS, timing: readTiming({}), log, exposure };
    const controlPlane = new ControlPlane(part);
    const pages = readBrowserFiles(PROGRAMS);
    const server = createControlPlaneServer(controlPlane, { token: PUBLIC_TOKEN, log, pages, publicly: serving });
    await server.listen({ host: PUBLIC_HOST, port: this.#port });
    this.#port = (server.server.address() as AddressInfo).port;
    this.#certificate = readFileSync(files.tlsCert, 'utf8');
    serving.listensAt(this.url);
    controlPlane.start();
    this.#running = { store, controlPlane, server };
  }

  /** Ends the server; its agent and the seats live on. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    // The streams of events end first: they would keep the server open.
    const worked = running.controlPlane.close();
    await running.server.close();
    await worked;
    running.store.close();
  }

  get url(): string {
    return `https://${PUBLIC_HOST}:${this.#port}`;
  }

  /** The PEM that it shows now. */
  get certificate(): string {
    return this.#certificate;
  }

  /** Whoever has the server's token, and has its certificate pinned. */
  get teacher(): ControlPlaneClient {
    return new ControlPlaneClient({ url: this.url, token: PUBLIC_TOKEN, certificate: this.#certificate });
  }

  /** Ends the server, and answers what was left of its workers and seats, which is ended, too. */
  async dispose(): Promise<string[]> {
    await this.stop();
    const left = processesNaming(this.folder);
    for (const { pid } of left) kill(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    return left.map(({ command }) => command);
  }
}
