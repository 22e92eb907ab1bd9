/** A strict fake of the program `firecracker`: `node firecracker.ts FOLDER ARGUMENT…`. */
import { chownSync, readFileSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { behaviourOf } from './behaviour.ts';
import { recordCall } from './calls.ts';
import { HostWorld, type Jail } from './host-world.ts';
import { FakeVmm } from './vmm.ts';

const [folder = '', ...rest] = process.argv.slice(2);
const behaviour = behaviourOf(folder);

function say(text: string): void {
  writeSync(1, `${text}\n`);
}

function stop(code: number): never {
  if (code === 0) say('Firecracker exiting successfully. exit_code=0');
  else say(`Firecracker exiting with error. exit_code=${code}`);
  process.exit(code);
}

function parse(): { id: string; socket: string; noApi: boolean; config: string | undefined } {
  try {
    const { values } = parseArgs({
      args: rest,
      options: {
        id: { type: 'string', default: 'anonymous-instance' },
        'api-sock': { type: 'string', default: '/run/firecracker.socket' },
        'no-api': { type: 'boolean', default: false },
        'config-file': { type: 'string' },
        'start-time-us': { type: 'string' },
        'start-time-cpu-us': { type: 'string' },
        'parent-cpu-time-us': { type: 'string' },
        version: { type: 'boolean' },
      },
    });
    if (values.version === true) {
      say(`Firecracker v${behaviour.version}\n`);
      stop(0);
    }
    if (values['no-api'] && values['config-file'] === undefined) {
      throw new Error("Argument 'no-api' required, but not found: 'config-file'");
    }
    return { id: values.id, socket: values['api-sock'], noApi: values['no-api'], config: values['config-file'] };
  } catch (error) {
    say(`Arguments parsing error: ${String(error)} \n\nFor more information try --help.`);
    return stop(153);
  }
}

/** A jailer tells the user by FAKE_JAIL_USER. */
function jail(): Jail | undefined {
  const { FAKE_JAIL_USER: user } = process.env;
  return user === undefined ? undefined : { user: Number(user) };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.setHeader('server', 'Firecracker API');
  if (body !== undefined) response.setHeader('content-type', 'application/json');
  response.writeHead(status).end(body === undefined ? undefined : JSON.stringify(body));
}

async function respond(vmm: FakeVmm, request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
  const { method = '', url = '' } = request;
  const what = `${method} ${url}`;
  const { dieOn, hangOn, refuse } = behaviour;
  if (dieOn?.request === what) stop(dieOn.code);
  if (hangOn === what) return;
  const refused = refuse?.request === what ? { status: 400, body: { fault_message: refuse.fault } } : undefined;
  const { status, body } = refused ?? (await vmm.handle(method, url, text));
  recordCall(folder, { id: options.id, request: what, body: text, status });
  answer(response, status, body);
  // A restore that failed leaves nothing to go on with.
  if (vmm.isBroken) response.once('close', () => stop(1));
}

/** One machine from a file, without an API. */
async function runFile(path: string): Promise<void> {
  const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const bodies: [string, unknown][] = [
    ['/machine-config', file['machine-config']],
    ['/boot-source', file['boot-source']],
    ['/actions', { action_type: 'InstanceStart' }],
  ];
  for (const [url, body] of bodies) {
    const { status, body: said } = await vmm.handle('PUT', url, JSON.stringify(body ?? null));
    if (status === 204) continue;
    say(`Building VMM configured from cmdline json failed: ${JSON.stringify(said)}`);
    stop(152);
  }
  if (behaviour.kvm === 'hangs') return void setInterval(() => undefined, 60_000);
  const { boot_args: words = '' } = (file['boot-source'] ?? {}) as { readonly boot_args?: string };
  say(words.includes('carapace.probe') ? 'carapace-probe-ok' : 'carapace: the seat starts');
  stop(0);
}

const options = parse();
const length = options.id.length;
if (length < 1 || length > 64) {
  say(`Invalid instance ID: Invalid len (${length});  the length must be between 1 and 64`);
  stop(1);
}
const bad = /[^a-zA-Z0-9-]/.exec(options.id);
if (bad !== null) {
  say(`Invalid instance ID: Invalid char (${bad[0]}) at position ${bad.index}`);
  stop(1);
}
const world = new HostWorld(behaviour, jail(), stop);
const vmm = new FakeVmm(options.id, world);
recordCall(folder, { id: options.id, started: rest, pid: process.pid });

if (options.noApi) {
  await runFile(options.config ?? '');
} else {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.once('end', () => void respond(vmm, request, response, text));
  });
  server.once('error', (error) => {
    say(`RunWithApi error: Failed to bind and run the HTTP server: ${error.message}`);
    stop(1);
  });
  const place = world.pathOf(options.socket);
  server.listen(place, () => {
    const user = jail()?.user;
    if (user !== undefined) chownSync(place, user, user);
  });
}
