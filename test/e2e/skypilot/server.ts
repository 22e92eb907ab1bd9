/** A control plane beside the rig's SkyPilot: it finds that through the login shell, as one that an editor started. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import type { Cluster, LaunchCluster, VaultName } from '../../../src/protocol/cluster.ts';
import type { Operation } from '../../../src/protocol/operation.ts';
import { ended, TestState, type TestControlPlane } from '../control-plane-harness.ts';
import { setTimeout as sleep } from 'node:timers/promises';

export const RIG_MACHINE = { cloud: 'aws', region: 'us-east-1', cpus: '2+', memory: '8+' } as const;

/** Cold caches and busy cores: for the end of an operation, in milliseconds. */
export const WORK_MS = 5 * 60_000;

/** What an editor that was started from the dock has. */
export const DESKTOP = { HOME: process.env['HOME'] ?? '', SHELL: '/bin/bash', PATH: '/usr/bin:/bin' };

export class RigServer {
  readonly state = new TestState();
  controlPlane!: TestControlPlane;

  get client(): ControlPlaneClient {
    return this.controlPlane.client;
  }

  get wish(): LaunchCluster {
    return { ...RIG_MACHINE, vaults: { public: this.#vault('public'), private: this.#vault('private') } };
  }

  /** Starts a control plane over what an earlier one left. */
  async serve(environment: Record<string, string> = {}): Promise<void> {
    this.controlPlane = await this.state.serve({ ...DESKTOP, ...environment });
  }

  /** Writes a file into a vault. */
  write(vault: VaultName, path: string, text: string): void {
    const file = join(this.#vault(vault), path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Waits for the end of an operation, and that it is a good one. */
  async wentWell(operation: Operation): Promise<void> {
    const end = await ended(this.client, operation, WORK_MS);
    assert.equal(end.status, 'succeeded', JSON.stringify(end.error));
  }

  /** Looks as somebody does who has the tree open; answers the first cluster that `isIt`, and the seconds it took. */
  async seen(what: string, isIt: (cluster: Cluster) => boolean, withinSeconds: number): Promise<Cluster> {
    const began = Date.now();
    for (;;) {
      const cluster = await this.client.getCluster();
      const seconds = (Date.now() - began) / 1000;
      if (isIt(cluster)) {
        console.log(`      ${what}: after ${seconds.toFixed(1)} s`);
        return cluster;
      }
      assert.ok(seconds < withinSeconds, `${what}: not within ${withinSeconds} s, but ${JSON.stringify(cluster)}`);
      await sleep(250);
    }
  }

  async dispose(): Promise<void> {
    await this.state.dispose();
  }

  #vault(vault: VaultName): string {
    return join(this.state.folder, 'vaults', vault);
  }
}
