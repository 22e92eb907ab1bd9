/**
 * The fake takes nothing in an order that the recipe forbids, and all that it allows: random requests, judged by a second,
 * much shorter writing of the rules.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FakeVmm } from '../../../../fakes/firecracker/vmm.ts';
import { NOWHERE, PlayedWorld } from './played-world.ts';

type Kind =
  | 'logger'
  | 'serial'
  | 'machine'
  | 'boot'
  | 'drive'
  | 'interface'
  | 'entropy'
  | 'balloon'
  | 'vsock'
  | 'start'
  | 'pause'
  | 'resume'
  | 'create'
  | 'load';

interface Asked {
  readonly kind: Kind;
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** Whether each value of the body alone is right. */
  readonly isValid: boolean;
  readonly id?: string;
  readonly isRoot?: boolean;
  readonly mac?: string;
  readonly tap?: string;
}

const FILE = fc.constantFrom('there', 'there', NOWHERE);
const ID = fc.constantFrom('rootfs', 'disk', 'with-hyphen', '');

function plain(kind: Kind, path: string, body: Record<string, unknown>): fc.Arbitrary<Asked> {
  return fc.constant({ kind, path, body, isValid: true });
}

const machine = fc
  .tuple(fc.constantFrom(0, 1, 2, 32, 33), fc.constantFrom(0, 256))
  .map(([vcpus, memory]): Asked => ({
    kind: 'machine',
    path: '/machine-config',
    body: { vcpu_count: vcpus, mem_size_mib: memory, smt: false },
    isValid: vcpus >= 1 && vcpus <= 32 && memory > 0,
  }));
const boot = FILE.map((file): Asked => ({
  kind: 'boot',
  path: '/boot-source',
  body: { kernel_image_path: file },
  isValid: file !== NOWHERE,
}));
const drive = fc
  .tuple(ID, FILE, fc.boolean())
  .map(([id, file, isRoot]): Asked => ({
    kind: 'drive',
    path: `/drives/${id}`,
    body: { drive_id: id, path_on_host: file, is_root_device: isRoot, is_read_only: true },
    isValid: file !== NOWHERE && /^\w+$/.test(id),
    id,
    isRoot,
  }));
const networkInterface = fc
  .tuple(
    fc.constantFrom('eth0', 'eth1'),
    fc.constantFrom('06:00:ac:10:00:02', '06:00:AC:10:00:02', '06:00:ac:10:00:03'),
  )
  .chain(([id, mac]) =>
    fc
      .constantFrom('tap0', 'tap1', NOWHERE)
      .map((tap): Asked => ({
        kind: 'interface',
        path: `/network-interfaces/${id}`,
        body: { iface_id: id, guest_mac: mac, host_dev_name: tap },
        isValid: tap !== NOWHERE,
        id,
        mac: mac.toLowerCase(),
        tap,
      })),
  );
const balloon = fc
  .constantFrom(0, 100_000)
  .map((amount): Asked => ({
    kind: 'balloon',
    path: '/balloon',
    body: { amount_mib: amount, deflate_on_oom: true },
    isValid: amount === 0,
  }));
const vsock = fc
  .constantFrom(2, 3)
  .map((cid): Asked => ({
    kind: 'vsock',
    path: '/vsock',
    body: { guest_cid: cid, uds_path: 'v.sock' },
    isValid: cid >= 3,
  }));
const load = FILE.map((file): Asked => ({
  kind: 'load',
  path: '/snapshot/load',
  body: { snapshot_path: file, mem_backend: { backend_type: 'File', backend_path: 'memory' } },
  isValid: file !== NOWHERE,
}));

const asked: fc.Arbitrary<Asked> = fc
  .tuple(
    fc.oneof(
      plain('logger', '/logger', { log_path: 'log', level: 'Error' }),
      plain('serial', '/serial', { serial_out_path: 'console' }),
      machine,
      { weight: 3, arbitrary: boot },
      drive,
      networkInterface,
      plain('entropy', '/entropy', {}),
      balloon,
      vsock,
      { weight: 3, arbitrary: plain('start', '/actions', { action_type: 'InstanceStart' }) },
      { weight: 2, arbitrary: plain('pause', '/vm', { state: 'Paused' }) },
      plain('resume', '/vm', { state: 'Resumed' }),
      { weight: 2, arbitrary: plain('create', '/snapshot/create', { snapshot_path: 's', mem_file_path: 'm' }) },
      load,
    ),
    fc.constantFrom(false, false, false, false, true),
  )
  // Now and then with a field that there is not.
  .map(([one, isStrange]) => (isStrange ? { ...one, body: { ...one.body, colour: 'red' }, isValid: false } : one));

const CONFIGURING: readonly Kind[] = ['machine', 'boot', 'drive', 'interface', 'entropy', 'balloon', 'vsock'];

/** The rules of the recipe. */
class Rules {
  state: 'fresh' | 'running' | 'paused' = 'fresh';
  #hasKernel = false;
  #isConfigured = false;
  readonly #roots = new Set<string>();
  readonly #macs = new Map<string, string>();
  readonly #taps = new Map<string, string>();

  allows(one: Asked): boolean {
    const isFresh = this.state === 'fresh';
    switch (one.kind) {
      case 'pause':
      case 'resume':
        return one.isValid && !isFresh;
      case 'create':
        return one.isValid && this.state === 'paused';
      case 'start':
        return one.isValid && isFresh && this.#hasKernel;
      case 'load':
        return one.isValid && isFresh && !this.#isConfigured;
      case 'drive':
        return one.isValid && isFresh && !(one.isRoot === true && [...this.#roots].some((id) => id !== one.id));
      case 'interface':
        return (
          one.isValid &&
          isFresh &&
          !this.#isTaken(this.#macs, one.id, one.mac) &&
          !this.#isTaken(this.#taps, one.id, one.tap)
        );
      default:
        return one.isValid && isFresh;
    }
  }

  /** It was asked, and taken or not. */
  note(one: Asked, isTaken: boolean): void {
    // Also one that was refused for what it says, but not one that could not be read.
    const wasRead =
      !('colour' in one.body) && !(one.id !== undefined && !/^\w+$/.test(one.id)) && one.body['guest_cid'] !== 2;
    if (this.state === 'fresh' && wasRead && CONFIGURING.includes(one.kind)) this.#isConfigured = true;
    if (!isTaken) return;
    if (one.kind === 'boot') this.#hasKernel = true;
    if (one.kind === 'start' || one.kind === 'resume') this.state = 'running';
    if (one.kind === 'pause' || one.kind === 'load') this.state = 'paused';
    if (one.kind === 'drive') this.#roots.delete(one.id!);
    if (one.kind === 'drive' && one.isRoot === true) this.#roots.add(one.id!);
    if (one.kind !== 'interface') return;
    this.#macs.set(one.id!, one.mac!);
    this.#taps.set(one.id!, one.tap!);
  }

  #isTaken(by: ReadonlyMap<string, string>, id: string | undefined, value: string | undefined): boolean {
    return [...by].some(([other, taken]) => other !== id && taken === value);
  }
}

function send(vmm: FakeVmm, one: Asked): Promise<{ status: number; body?: unknown }> {
  return vmm.handle(one.path === '/vm' ? 'PATCH' : 'PUT', one.path, JSON.stringify(one.body));
}

/** A snapshot that can be loaded. */
async function worldWithSnapshot(): Promise<PlayedWorld> {
  const world = new PlayedWorld();
  const vmm = new FakeVmm('first', world);
  await vmm.handle('PUT', '/boot-source', '{"kernel_image_path":"there"}');
  await vmm.handle('PUT', '/actions', '{"action_type":"InstanceStart"}');
  await vmm.handle('PATCH', '/vm', '{"state":"Paused"}');
  await vmm.handle('PUT', '/snapshot/create', '{"snapshot_path":"s","mem_file_path":"m"}');
  assert.ok(world.saved, 'the snapshot was not made');
  return world;
}

describe('the order of requests that the fake Firecracker takes', () => {
  it('is the order of the recipe, whatever is asked', async function () {
    this.timeout(60_000);
    const reached = { running: 0, created: 0, loaded: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 40, size: 'max' }), async (requests) => {
        const vmm = new FakeVmm('machine', await worldWithSnapshot());
        const rules = new Rules();
        for (const one of requests) {
          const isAllowed = rules.allows(one);
          const { status, body } = await send(vmm, one);
          assert.equal(status === 204, isAllowed, `${JSON.stringify(one)} in ${rules.state}: ${JSON.stringify(body)}`);
          rules.note(one, isAllowed);
          if (!isAllowed) {
            reached.refused += 1;
            assert.match((body as { fault_message: string }).fault_message, /\S/);
          }
          if (isAllowed && one.kind === 'start') reached.running += 1;
          if (isAllowed && one.kind === 'create') reached.created += 1;
          if (isAllowed && one.kind === 'load') reached.loaded += 1;
          // A restore that failed ends the process.
          if (vmm.isBroken) break;
        }
      }),
      { numRuns: 1000 },
    );
    // A test that never comes so far shows nothing.
    for (const [what, times] of Object.entries(reached)) assert.ok(times > 20, `${what} only ${times} times`);
  });
});
