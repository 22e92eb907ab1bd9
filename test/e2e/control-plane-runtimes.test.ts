/** Workshops of different runtimes at once: each kind has an agent of its own. The agents are played. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodeJwt } from 'jose';
import { createLog } from '../../src/lib/log.ts';
import { UnavailableError } from '../../src/protocol/errors.ts';
import { createdWorkshopSchema } from '../../src/protocol/operation.ts';
import type { Runtime, SeatRuntime, Workshop } from '../../src/protocol/workshop.ts';
import { ControlPlane } from '../../src/provisioning/control-plane.ts';
import { readTiming } from '../../src/provisioning/settings.ts';
import { Store } from '../../src/provisioning/store/store.ts';
import type { AgentBehaviour } from '../fakes/agent.ts';
import { writeWhole } from '../support/files.ts';
import { kill, processesNaming } from '../support/processes.ts';
import { until } from './control-plane-harness.ts';

const FAKE = pathToFileURL(resolve(import.meta.dirname, '../fakes/agent.ts')).href;

describe('the control plane with workshops of different runtimes', function () {
  this.timeout(120_000);
  let folder = '';
  let store: Store;
  let controlPlane: ControlPlane;
  /** What "auto" stands for. */
  let best: SeatRuntime = 'qemu';

  const open = (): void => {
    store = Store.open(join(folder, 'state/store.db'));
    const chooseRuntime = (asked: Runtime): Promise<SeatRuntime> =>
      asked === 'firecracker'
        ? Promise.reject(new UnavailableError('Missing: KVM.'))
        : Promise.resolve(asked === 'auto' ? best : asked);
    const timing = readTiming({}, { monitorMs: 100 });
    const place = { stateFolder: join(folder, 'state'), programFolder: folder };
    controlPlane = new ControlPlane({ store, ...place, timing, log: createLog('test', 'silent'), chooseRuntime });
    controlPlane.start();
  };
  const close = async (): Promise<void> => {
    await controlPlane.close();
    store.close();
  };
  const behave = (behaviour: AgentBehaviour): void =>
    writeWhole(join(folder, 'behaviour.json'), JSON.stringify(behaviour));

  beforeEach(() => {
    best = 'qemu';
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-runtimes-')));
    mkdirSync(join(folder, 'state'));
    writeFileSync(join(folder, 'agent.cjs'), `import(${JSON.stringify(FAKE)});\n`);
    open();
  });
  afterEach(async () => {
    await close();
    for (const { pid } of processesNaming(folder)) kill(pid);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const create = async (runtime: Runtime): Promise<Workshop> => {
    const answer = await controlPlane.lifecycle.create({ name: runtime, seats: 2, runtime });
    const { workshop } = createdWorkshopSchema.parse(JSON.parse(answer));
    return status(workshop.id, 'running');
  };
  const status = (id: string, wanted: Workshop['status']): Promise<Workshop> =>
    until(`${id} is ${wanted}`, () => {
      const workshop = controlPlane.records.workshop(id);
      assert.notEqual(workshop.status, 'error', workshop.error?.message);
      return workshop.status === wanted ? workshop : undefined;
    });
  const remove = async (id: string): Promise<void> => {
    controlPlane.lifecycle.delete(id);
    await until(`${id} is gone`, () => (store.workshops.find(id) === undefined ? true : undefined));
  };
  const agents = (runtime: SeatRuntime): number[] =>
    processesNaming(folder)
      .filter(({ command }) => command.includes('agent.cjs') && command.endsWith(`--runtime ${runtime}`))
      .map(({ pid }) => pid);

  it('makes each kind by an agent of its own, each with its own secrets, and ends each with its last seat', async () => {
    const [machines, processes] = await Promise.all([create('qemu'), create('process')]);
    assert.deepEqual([machines.runtime, processes.runtime], ['qemu', 'process']);
    assert.deepEqual(
      [machines, processes].map(({ workers }) => workers.map(({ name, accelerated }) => [name, accelerated])),
      [[['local-qemu', false]], [['local', false]]],
    );
    assert.notEqual(machines.endpoint, processes.endpoint);
    const [one, other] = await Promise.all(
      [machines, processes].map(({ id }) => controlPlane.joining.access(id, 1, 'instructor')),
    );
    assert.deepEqual([one?.endpoint, other?.endpoint], [machines.endpoint, processes.endpoint]);
    assert.equal(decodeJwt(one?.token ?? '')['workshop_id'], machines.id);
    const secrets = ['local', 'local-qemu'].map((name) => store.secrets.find(`worker/${name}/agent-token`));
    assert.ok(secrets[0] !== undefined && secrets[1] !== undefined && secrets[0] !== secrets[1]);
    await remove(machines.id);
    assert.deepEqual([agents('qemu').length, agents('process').length], [0, 1]);
    assert.deepEqual(
      readdirSync(join(folder, 'state')).filter((name) => name.includes('qemu')),
      [],
    );
    await remove(processes.id);
    assert.deepEqual(processesNaming(folder), []);
    assert.deepEqual(store.workers.all(), []);
  });

  it('starts the one that died, and adopts both after its own end', async () => {
    const [machines, processes] = await Promise.all([create('qemu'), create('process')]);
    const [before] = agents('qemu');
    const [other] = agents('process');
    process.kill(before!, 'SIGKILL');
    await until('another agent of machines runs', () => {
      const [now] = agents('qemu');
      const worker = store.workers.find('local-qemu');
      return now !== undefined && now !== before && worker?.status === 'healthy' ? true : undefined;
    });
    const running = [...agents('qemu'), other];
    await close();
    open();
    const ready = (id: string) => controlPlane.records.seats(id).every((seat) => seat.status === 'ready');
    await until('the seats are there', () => (ready(machines.id) && ready(processes.id) ? true : undefined));
    await controlPlane.joining.access(machines.id, 1, 'instructor');
    assert.deepEqual([...agents('qemu'), ...agents('process')], running);
  });

  it('decides what "auto" is when the workshop is started, and keeps to that', async () => {
    const later = createdWorkshopSchema.parse(
      JSON.parse(await controlPlane.lifecycle.create({ seats: 1, start: false })),
    ).workshop;
    assert.equal(later.runtime, 'auto');
    await controlPlane.lifecycle.start(later.id);
    assert.equal((await status(later.id, 'running')).runtime, 'qemu');
    controlPlane.lifecycle.stop(later.id);
    await status(later.id, 'stopped');
    best = 'process';
    await controlPlane.lifecycle.start(later.id);
    assert.equal((await status(later.id, 'running')).runtime, 'qemu', 'its files are a machine’s');
    assert.equal((await create('auto')).runtime, 'process');
  });

  it('refuses what this machine cannot make, and makes nothing weaker of it', async () => {
    await assert.rejects(controlPlane.lifecycle.create({ seats: 1, runtime: 'firecracker' }), /Missing: KVM/);
    assert.deepEqual(store.workshops.all(), []);
  });

  it('says what it waits for while the first machine boots, and removes seats meanwhile', async () => {
    const first = await create('qemu');
    const [agent] = agents('qemu');
    behave({ status: 'starting' });
    process.kill(agent!, 'SIGKILL');
    const answer = await controlPlane.lifecycle.create({ seats: 1, runtime: 'qemu' });
    const second = createdWorkshopSchema.parse(JSON.parse(answer)).workshop;
    const lines = () => store.events.after(0, 10_000).map(({ event }) => event.message);
    await until('it says what it does', () =>
      lines().some((line) => line.startsWith('Preparing the first machine of this kind')) ? true : undefined,
    );
    await remove(first.id);
    behave({});
    await status(second.id, 'running');
    assert.ok(lines().includes('Making 1 seat, as MicroVMs (QEMU, emulated: slow).'));
  });
});
