/**
 * The real Firecracker before a machine starts, which needs no KVM: it takes all that this program asks, and answers the
 * fake's refusals with the same status. Registered only where `firecracker` is on the PATH.
 */
import assert from 'node:assert/strict';
import { Client } from 'undici';
import { ApiClient } from '../../../src/agent/vmm/firecracker/api-client.ts';
import { plainCommand } from '../../../src/agent/vmm/firecracker/command-line.ts';
import { machinePaths, NAMES, type Borrowed } from '../../../src/agent/vmm/firecracker/files.ts';
import { makePlainFolder } from '../../../src/agent/vmm/firecracker/machine-folder.ts';
import { FirecrackerMachine } from '../../../src/agent/vmm/firecracker/machine.ts';
import { start } from '../../../src/agent/vmm/firecracker/process.ts';
import { findProgram, findPrograms, type Programs } from '../../../src/agent/vmm/firecracker/programs.ts';
import { bootRequests } from '../../../src/agent/vmm/firecracker/sequence.ts';
import { FakeFirecracker } from '../../fakes/firecracker/install.ts';
import { Bench } from './firecracker-harness.ts';

const signal = AbortSignal.timeout(120_000);

/** Requests in their order, as method, path and body. */
const CONVERSATION: readonly (readonly [string, string, unknown])[] = [
  ['PUT', '/machine-config', { vcpu_count: 33, mem_size_mib: 128 }],
  ['PUT', '/machine-config', { vcpu_count: 1, mem_size_mib: 0 }],
  ['PUT', '/machine-config', { vcpu_count: 1, mem_size_mib: 128, colour: 'red' }],
  ['PUT', '/boot-source', { kernel_image_path: 'nowhere' }],
  [
    'PUT',
    '/drives/with-hyphen',
    { drive_id: 'with-hyphen', path_on_host: NAMES.rootfs, is_root_device: true, is_read_only: true },
  ],
  ['PUT', '/drives/one', { drive_id: 'two', path_on_host: NAMES.rootfs, is_root_device: true, is_read_only: true }],
  ['PUT', '/drives/one', { drive_id: 'one', path_on_host: 'nowhere', is_root_device: true, is_read_only: true }],
  ['PUT', '/drives/one', { drive_id: 'one', path_on_host: NAMES.rootfs, is_root_device: true, is_read_only: true }],
  ['PUT', '/drives/two', { drive_id: 'two', path_on_host: NAMES.disk, is_root_device: true, is_read_only: true }],
  ['PATCH', '/drives/one', { drive_id: 'one', path_on_host: NAMES.rootfs }],
  ['PUT', '/actions', { action_type: 'InstanceStart' }],
  ['PUT', '/actions', { action_type: 'SendCtrlAltDel' }],
  ['PATCH', '/vm', { state: 'Paused' }],
  ['PUT', '/snapshot/create', { snapshot_path: 's', mem_file_path: 'm' }],
  ['PUT', '/snapshot/load', { snapshot_path: 's' }],
  ['PUT', '/snapshot/load', { snapshot_path: 's', mem_backend: { backend_type: 'File', backend_path: 'm' } }],
  ['PUT', '/nonsense', {}],
  ['GET', '/', undefined],
  ['GET', '/version', undefined],
];

/** A fresh process in a namespace, and what to ask it. */
async function withProcess(bench: Bench, programs: Programs, work: (socket: string) => Promise<void>): Promise<void> {
  const spec = bench.spec(1);
  const paths = machinePaths(spec.folder);
  const borrowed: Borrowed[] = [
    { source: spec.image.rootfs, name: NAMES.rootfs, writable: false },
    { source: spec.image.kernel, name: NAMES.kernel, writable: false },
    { source: spec.image.initramfs, name: NAMES.initramfs, writable: false },
    { source: spec.disk, name: NAMES.disk, writable: true },
  ];
  await makePlainFolder(spec, paths, borrowed);
  const started = await start(plainCommand(spec, paths, programs), paths.work, paths.output);
  try {
    await work(`${paths.work}/${NAMES.api}`);
  } finally {
    await new FirecrackerMachine(started.process, paths).kill();
  }
}

async function statuses(socket: string): Promise<string[]> {
  const api = new ApiClient(socket);
  await api.waitUntilListening(20_000, signal);
  api.close();
  const client = new Client('http://firecracker', { socketPath: socket });
  const said: string[] = [];
  for (const [method, path, body] of CONVERSATION) {
    const text = body === undefined ? null : JSON.stringify(body);
    const headers = text === null ? {} : { 'content-type': 'application/json' };
    const answer = await client.request({ method, path, body: text, headers, signal });
    await answer.body.dump();
    said.push(`${method} ${path} ${text ?? ''}: ${answer.statusCode}`);
  }
  await client.close();
  return said;
}

export function registerRealTests(): void {
  const path = process.env['PATH'] ?? '';
  if (findProgram('firecracker', path) === undefined) return;
  describe('the real Firecracker', function () {
    this.timeout(60_000);
    let bench: Bench;
    let real: Programs;

    before(async () => {
      bench = new Bench();
      const { programs, missing } = await findPrograms(path, signal);
      assert.ok(programs, missing.join(' '));
      real = programs;
    });
    after(() => bench.dispose());

    it('takes all that a machine is configured by', () =>
      withProcess(bench, real, async (socket) => {
        const api = new ApiClient(socket);
        assert.equal((await api.waitUntilListening(3_000, signal)).state, 'Not started');
        const spec = bench.spec(2);
        const requests = bootRequests(spec.size, spec.link).filter((request) => request.path !== '/actions');
        await api.sendAll(requests, signal);
        api.close();
      }));

    it('answers as the fake does', async () => {
      const fake = FakeFirecracker.install(`${bench.folder}/fake`, { jailer: false });
      const { programs } = await findPrograms(fake.path, signal);
      let theirs: string[] = [];
      let ours: string[] = [];
      await withProcess(bench, real, async (socket) => void (theirs = await statuses(socket)));
      await withProcess(bench, programs!, async (socket) => void (ours = await statuses(socket)));
      assert.deepEqual(ours, theirs);
    });
  });
}
