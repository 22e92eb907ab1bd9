import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import type { CarapaceApi } from '../../../src/extension.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';
import { activate, endControlPlane, hasStatus, run, succeed, until } from './support.ts';

describe('trying a seat on this machine in VS Code', () => {
  let api: CarapaceApi;

  before(async () => {
    api = await activate();
  });

  after(async () => {
    const { workshops } = api.state();
    for (const { id } of workshops.values()) await run('carapace.deleteWorkshop', { workshop: id, confirmed: true });
    await endControlPlane();
  });

  it('makes a workshop of one seat, once, however often it is tried', async () => {
    const tries = [run<{ workshop: Workshop }>('carapace.tryLocal')];
    await until('the workshop', () => api.state().workshops.values().next().value);
    tries.push(run<{ workshop: Workshop }>('carapace.tryLocal'));
    const ids = (await Promise.all(tries)).map((outcome) =>
      outcome.status === 'ok' ? outcome.value.workshop.id : JSON.stringify(outcome),
    );
    assert.equal(ids[0], ids[1]);
    await hasStatus(api, ids[0]!, 'running');
    assert.deepEqual(
      [...api.state().workshops.values()].map(({ id, seats }) => [id, seats]),
      [[ids[0], 1]],
    );
  });

  it('starts the one that was stopped', async () => {
    const [workshop] = api.state().workshops.values();
    assert.ok(workshop);
    await succeed('carapace.stopWorkshop', { workshop: workshop.id });
    await hasStatus(api, workshop.id, 'stopped');
    const { workshop: again } = await succeed<{ workshop: Workshop }>('carapace.tryLocal');
    assert.equal(again.id, workshop.id);
    await hasStatus(api, again.id, 'running');
  });
});
