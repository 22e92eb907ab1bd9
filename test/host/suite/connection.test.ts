import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import { ensureControlPlane } from '../../../src/client/daemon.ts';
import type { CarapaceApi } from '../../../src/extension.ts';
import { stateFolder } from '../../../src/lib/state-folder.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';
import type { ConnectionKind } from '../../../src/providers/model/connection-status.ts';
import { activate, controlPlaneProcess, createWorkshop, endControlPlane, run, succeed, until } from './support.ts';

describe('the connection to the control plane in VS Code', () => {
  let api: CarapaceApi;

  function status(kind: ConnectionKind): Promise<true> {
    return until(`the status ${kind}`, () => (api.connection().kind === kind ? true : undefined));
  }

  before(async () => {
    api = await activate();
  });

  after(async () => {
    const { workshops } = api.state();
    for (const { id } of workshops.values()) await run('carapace.deleteWorkshop', { workshop: id, confirmed: true });
    await endControlPlane();
    await status('asleep');
  });

  it('keeps the last known tree when the control plane is killed, and starts no other by itself', async () => {
    const workshop = await createWorkshop({ name: 'Connection test', seats: 1 });
    await status('live');
    await endControlPlane('SIGKILL');
    await status('asleep');
    assert.equal(api.state().workshops.get(`workshop/${workshop.id}`)?.name, 'Connection test');
    assert.equal(controlPlaneProcess(), undefined);
  });

  it('comes back with what was there when the user asks for it', async () => {
    await succeed('carapace.retryConnection');
    assert.equal(api.connection().kind, 'live');
    const [workshop] = api.state().workshops.values();
    assert.equal(workshop?.name, 'Connection test');
  });

  it('goes on with what was under way when the control plane was killed', async () => {
    const creating = succeed<{ workshop: Workshop }>('carapace.createWorkshop', { name: 'Interrupted', seats: 3 });
    const find = () => [...api.state().workshops.values()].find(({ name }) => name === 'Interrupted');
    await until('the workshop', find);
    await endControlPlane('SIGKILL');
    const { workshop } = await creating;
    const seats = await until('its seats', () => {
      const ready = [...api.state().seats.values()].filter(
        (seat) => seat.workshop_id === workshop.id && seat.status === 'ready',
      );
      return ready.length === 3 ? ready : undefined;
    });
    assert.deepEqual(
      seats.map(({ seat }) => seat),
      [1, 2, 3],
    );
  });

  it('comes back by itself when another program has started a control plane', async () => {
    await endControlPlane();
    await status('asleep');
    await succeed('carapace.refresh');
    assert.equal(controlPlaneProcess(), undefined);
    const other = await startAnother();
    await status('live');
    assert.equal(controlPlaneProcess(), other);
  });
});

/** Starts a control plane as the command line does. @returns its process id */
async function startAnother(): Promise<number> {
  const { extensionPath } = vscode.extensions.getExtension('carapace.carapace')!;
  await ensureControlPlane({ stateFolder: stateFolder(), program: join(extensionPath, 'dist', 'cli.cjs') });
  const pid = controlPlaneProcess();
  assert.ok(pid !== undefined);
  return pid;
}
