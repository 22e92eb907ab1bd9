/**
 * The rules of Firecracker's API: what it takes before and after a start, in which state, and what it says when it
 * refuses. Written from the recipe and the published API description; the texts are the real ones where they are known.
 */
import { driveProblem, tapFault, tapProblem, type Configuration } from './devices.ts';
import { checkResourceId, checkSameId, Fault, refuse } from './refusals.ts';
import { adopt } from './restore.ts';
import { BODIES, bodyFault, isEndpoint, type BodyOf, type Endpoint } from './schema.ts';
import type { World } from './world.ts';

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const DONE: Answer = { status: 204 };
const AFTER = 'The requested operation is not supported after starting the microVM.';
const BEFORE = 'The requested operation is not supported before starting the microVM.';
const MAX_VCPUS = 32;

/** Only these are taken after the start. */
const POST_BOOT: readonly Endpoint[] = [
  'PATCH /vm',
  'PATCH /drives',
  'PATCH /network-interfaces',
  'PATCH /balloon',
  'PUT /snapshot/create',
];

/** These leave the process fresh enough for a snapshot. */
const HARMLESS: readonly Endpoint[] = ['PUT /logger', 'PUT /metrics', 'PUT /serial'];

export class FakeVmm {
  readonly #world: World;
  readonly #id: string;
  #state: 'Not started' | 'Running' | 'Paused' = 'Not started';
  #touched = false;
  #configuration: Configuration = { machine: { vcpu_count: 1, mem_size_mib: 128 }, drives: [], interfaces: [] };
  /** The process ends after its answer. */
  isBroken = false;

  constructor(id: string, world: World) {
    this.#id = id;
    this.#world = world;
  }

  get state(): 'Not started' | 'Running' | 'Paused' {
    return this.#state;
  }

  async handle(method: string, path: string, text: string): Promise<Answer> {
    try {
      if (method === 'GET') return this.#get(path, text);
      return await this.#change(method, path, text);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { status: 400, body: { fault_message: error.message } };
    }
  }

  #get(path: string, text: string): Answer {
    if (text !== '') refuse('GET request cannot have a body.');
    const { version } = this.#world;
    const info = { id: this.#id, state: this.#state, vmm_version: version, app_name: 'Firecracker' };
    if (path === '/') return { status: 200, body: info };
    if (path === '/version') return { status: 200, body: { firecracker_version: version } };
    if (path === '/machine-config') return { status: 200, body: this.#configuration.machine };
    return refuse(`Invalid request method and/or path: GET ${path.split('/')[1] ?? ''}.`);
  }

  async #change(method: string, path: string, text: string): Promise<Answer> {
    const [first = '', second, third] = path.slice(1).split('/');
    if (text === '') refuse(`Empty ${method} request.`);
    const endpoint = `${method} /${first === 'snapshot' ? `snapshot/${second ?? ''}` : first}`;
    if (!isEndpoint(endpoint) || third !== undefined) {
      return refuse(`Invalid request method and/or path: ${method} ${first}.`);
    }
    const hasId = endpoint.endsWith('/drives') || endpoint.endsWith('/network-interfaces');
    if (hasId) checkResourceId(second);
    const fault = bodyFault(endpoint, text);
    if (fault !== undefined) refuse(fault);
    const body: unknown = BODIES[endpoint].parse(JSON.parse(text));
    if (hasId) checkSameId(second, body);
    this.#checkMoment(endpoint, body);
    if (this.#state === 'Not started' && endpoint !== 'PUT /actions' && endpoint !== 'PUT /snapshot/load') {
      this.#touched ||= !HARMLESS.includes(endpoint);
    }
    await this.#perform(endpoint, body);
    return DONE;
  }

  /** Whether it may be asked now at all. */
  #checkMoment(endpoint: Endpoint, body: unknown): void {
    const isStarted = this.#state !== 'Not started';
    if (endpoint === 'PUT /actions') {
      const isStart = (body as BodyOf<'PUT /actions'>).action_type === 'InstanceStart';
      if (isStart && isStarted) refuse(AFTER);
      if (!isStart && !isStarted) refuse(BEFORE);
      return;
    }
    if (isStarted !== POST_BOOT.includes(endpoint)) refuse(isStarted ? AFTER : BEFORE);
  }

  async #perform(endpoint: Endpoint, body: unknown): Promise<void> {
    const world = this.#world;
    switch (endpoint) {
      case 'PUT /logger': {
        const { log_path: path } = body as BodyOf<'PUT /logger'>;
        const problem = path === undefined ? undefined : world.fileProblem(path, true);
        if (problem !== undefined && !problem.startsWith('No such file')) refuse(`Logger error: ${problem}`);
        return;
      }
      case 'PUT /serial': {
        const { serial_out_path: path, rate_limiter: limit } = body as BodyOf<'PUT /serial'>;
        world.setConsole(path, limit === undefined ? undefined : limit.size + (limit.one_time_burst ?? 0));
        return;
      }
      case 'PUT /machine-config':
      case 'PATCH /machine-config':
        this.#setMachine(body as BodyOf<'PATCH /machine-config'>);
        return;
      case 'PUT /boot-source':
        this.#setBootSource(body as BodyOf<'PUT /boot-source'>);
        return;
      case 'PUT /drives':
        this.#setDrive(body as BodyOf<'PUT /drives'>);
        return;
      case 'PUT /network-interfaces':
        this.#setInterface(body as BodyOf<'PUT /network-interfaces'>);
        return;
      case 'PUT /balloon':
        this.#setBalloon(body as BodyOf<'PUT /balloon'>);
        return;
      case 'PUT /vsock':
        return this.#setVsock(body as BodyOf<'PUT /vsock'>);
      case 'PUT /actions':
        this.#act((body as BodyOf<'PUT /actions'>).action_type);
        return;
      case 'PATCH /vm':
        this.#setState((body as BodyOf<'PATCH /vm'>).state);
        return;
      case 'PUT /snapshot/create':
        this.#save(body as BodyOf<'PUT /snapshot/create'>);
        return;
      case 'PUT /snapshot/load':
        return this.#load(body as BodyOf<'PUT /snapshot/load'>);
      case 'PATCH /balloon':
        if (this.#configuration.balloon === undefined) refuse('Balloon update error: Device not found');
        return;
      case 'PATCH /drives':
      case 'PATCH /network-interfaces':
      case 'PUT /metrics':
      case 'PUT /entropy':
    }
  }

  #setMachine(body: BodyOf<'PATCH /machine-config'>): void {
    const machine = { ...this.#configuration.machine, ...(body as Partial<Configuration['machine']>) };
    const { vcpu_count: vcpus, smt = false, mem_size_mib: memory } = machine;
    if (vcpus < 1 || vcpus > MAX_VCPUS || (smt && vcpus > 1 && vcpus % 2 === 1)) {
      refuse(
        'Machine config error: The number of vCPUs must be greater than 0, less than 32 and must be 1 or even with SMT.',
      );
    }
    if (memory === 0)
      refuse('Machine config error: The memory size (MiB) is either 0, or not a multiple of the page size.');
    if ((this.#configuration.balloon?.amount_mib ?? 0) > memory) {
      refuse(
        'Machine config error: The memory size (MiB) is smaller than the previously set balloon device target size.',
      );
    }
    this.#configuration.machine = machine;
  }

  #setBootSource(body: BodyOf<'PUT /boot-source'>): void {
    const kernel = this.#world.fileProblem(body.kernel_image_path, false);
    if (kernel !== undefined) refuse(`Boot source error: The kernel file cannot be opened: ${kernel}`);
    const initrd = body.initrd_path === undefined ? undefined : this.#world.fileProblem(body.initrd_path, false);
    if (initrd !== undefined) {
      refuse(
        `Boot source error: The initrd file cannot be opened due to invalid path or invalid permissions. ${initrd}`,
      );
    }
    this.#configuration.boot = body;
  }

  #setDrive(body: BodyOf<'PUT /drives'>): void {
    const { drives } = this.#configuration;
    if (body.path_on_host === undefined || body.is_read_only === undefined) {
      return refuse(
        'Drive config error: Invalid block device configuration: path_on_host and is_read_only are required.',
      );
    }
    const others = drives.filter(({ drive_id: id }) => id !== body.drive_id);
    if (body.is_root_device && others.some((drive) => drive.is_root_device)) {
      refuse('Drive config error: A root block device already exists!');
    }
    const problem = driveProblem(this.#world, body);
    if (problem !== undefined) refuse(`Drive config error: Unable to create the virtio block device: ${problem}`);
    this.#configuration.drives = [...others, body];
  }

  #setInterface(body: BodyOf<'PUT /network-interfaces'>): void {
    const others = this.#configuration.interfaces.filter(({ iface_id: id }) => id !== body.iface_id);
    const mac = body.guest_mac?.toLowerCase();
    if (mac !== undefined && others.some((other) => other.guest_mac?.toLowerCase() === mac)) {
      refuse(`Network config error: The MAC address is already in use: ${mac}`);
    }
    const tap = body.host_dev_name;
    const isUsed = others.some((other) => other.host_dev_name === tap);
    const problem = isUsed ? 'Device or resource busy (os error 16)' : tapProblem(this.#world, tap);
    if (problem !== undefined)
      refuse(`Network config error: Could not create the network device: ${tapFault(tap, problem)}`);
    this.#configuration.interfaces = [...others, body];
  }

  #setBalloon(body: BodyOf<'PUT /balloon'>): void {
    if (body.amount_mib > this.#configuration.machine.mem_size_mib) {
      refuse('Balloon config error: Amount of pages requested cannot be greater than memory size.');
    }
    this.#configuration.balloon = body;
  }

  async #setVsock(body: BodyOf<'PUT /vsock'>): Promise<void> {
    const problem = await this.#world.listen(body.uds_path);
    if (problem !== undefined) {
      refuse(
        `Vsock config error: Cannot create backend for vsock device: Error binding to the host-side Unix socket: ${problem}`,
      );
    }
    this.#configuration.vsock = body;
  }

  #act(action: 'FlushMetrics' | 'InstanceStart' | 'SendCtrlAltDel'): void {
    if (action === 'SendCtrlAltDel') this.#world.powerButton();
    if (action !== 'InstanceStart') return;
    if (this.#configuration.boot === undefined) {
      refuse('Start microvm error: Cannot start microvm without kernel configuration.');
    }
    if (this.#world.kvm === 'missing') {
      refuse(
        'Start microvm error: Internal error while starting microVM: Error creating KVM object: No such file or directory (os error 2)',
      );
    }
    this.#state = 'Running';
    this.#world.begin(this.#taps(), undefined);
  }

  #taps(): string[] {
    return this.#configuration.interfaces.map((one) => one.host_dev_name);
  }

  #setState(state: 'Paused' | 'Resumed'): void {
    this.#state = state === 'Paused' ? 'Paused' : 'Running';
    if (state === 'Paused') this.#world.pause();
    else this.#world.resume();
  }

  #save(body: BodyOf<'PUT /snapshot/create'>): void {
    if (this.#state !== 'Paused') {
      refuse(
        'Create snapshot error: Cannot save the microVM state: Operation not allowed: save/restore unavailable while running',
      );
    }
    const { version, cpu } = this.#world;
    const problem = this.#world.write(
      body.snapshot_path,
      body.mem_file_path,
      this.#configuration.machine.mem_size_mib,
      { format: 'fake-firecracker', version, cpu, configuration: this.#configuration, guest: this.#world.guestState() },
    );
    if (problem !== undefined) refuse(`Create snapshot error: Cannot write memory file: ${problem}`);
  }

  async #load(body: BodyOf<'PUT /snapshot/load'>): Promise<void> {
    const prefix = 'An error occurred when deserializing the json body of a request: ';
    const { mem_backend: backend, mem_file_path: file } = body;
    if (backend !== undefined && file !== undefined) {
      refuse(`${prefix}too many fields: either \`mem_backend\` or \`mem_file_path\` exclusively is required.`);
    }
    const memory = backend?.backend_path ?? file;
    if (memory === undefined)
      return refuse(`${prefix}missing field: either \`mem_backend\` or \`mem_file_path\` is required.`);
    if (this.#touched) {
      refuse('Load snapshot error: Loading a microVM snapshot not allowed after configuring boot-specific resources.');
    }
    const saved = this.#world.read(body.snapshot_path, memory);
    const adopted = typeof saved === 'string' ? saved : await adopt(this.#world, saved, body);
    if (typeof saved === 'string' || typeof adopted === 'string') {
      this.isBroken = true;
      const reason = typeof adopted === 'string' ? adopted : '';
      return refuse(`Load snapshot error: Failed to restore from snapshot: ${reason}`);
    }
    this.#configuration = adopted;
    this.#state = body.resume_vm === true ? 'Running' : 'Paused';
    this.#world.begin(this.#taps(), saved.guest);
    if (this.#state === 'Paused') this.#world.pause();
  }
}
