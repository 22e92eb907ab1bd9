/** Asks a SkyPilot, the real one or the fake, the same questions, over a cluster's life. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { API_VERSION, VERSION } from './behaviour.ts';
import { Lines, type Answers } from './shapes.ts';

const CLUSTER = 'carapace-node';
const UNKNOWN = '00000000-0000-0000-0000-000000000000';
const COMMAND_MS = 180_000;
const HEADERS = { 'X-SkyPilot-API-Version': API_VERSION, 'X-SkyPilot-Version': VERSION };

export interface AskedSky {
  /** With `sky` on the PATH, and the home folder of its records. */
  readonly environment: Readonly<Record<string, string>>;
  readonly endpoint: string;
  /** A task with two vaults that launches the smallest machine. */
  readonly taskFile: string;
}

/** Launches, stops, starts and destroys a cluster, and asks at each step. Nothing is left of it. */
export async function collectAnswers(sky: AskedSky): Promise<Answers> {
  const asker = new Asker(sky);
  await asker.askWithoutCluster();
  try {
    await asker.askOverItsLife();
  } finally {
    await asker.command('sky down -y');
  }
  return asker.answers;
}

class Asker {
  readonly answers = new Map<string, unknown>();
  readonly #sky: AskedSky;

  constructor(sky: AskedSky) {
    this.#sky = sky;
  }

  async askWithoutCluster(): Promise<void> {
    for (const words of ['--version', 'api start', 'api info -o json', 'status -o json', 'check -o json']) {
      await this.#print(`sky ${words}`, words.includes('json'));
    }
    await this.#print(`sky status ${CLUSTER} -o json`, false);
    await this.#print(`sky status --ip ${CLUSTER}`, false);
    for (const verb of ['start', 'stop', 'down', 'autostop -i 5'])
      await this.#print(`sky ${verb} -y ${CLUSTER}`, false);
    await this.#http('GET /api/health', 'GET', '/api/health');
    await this.#http('too old', 'GET', '/api/health', undefined, {
      'X-SkyPilot-API-Version': '5',
      'X-SkyPilot-Version': '0.9.0',
    });
    await this.#http('get unknown', 'GET', `/api/get?request_id=${UNKNOWN}`);
    await this.#http('stream unknown', 'GET', `/api/stream?request_id=${UNKNOWN}&format=console`);
    await this.#http('cancel unknown', 'POST', '/api/cancel', { request_ids: [UNKNOWN] });
    await this.#http('bad body', 'POST', '/status', { cluster_names: 5 });
    await this.#http('no requests', 'GET', `/api/status?cluster_name=${CLUSTER}`);
    await this.#status('status of none');
    for (const verb of ['start', 'stop', 'down']) await this.#work(`${verb} of none`, `/${verb}`, {});
    await this.#work('autostop of none', '/autostop', { idle_minutes: 5 });
  }

  async askOverItsLife(): Promise<void> {
    const { stdout } = await this.#print(`sky launch -y --async -c ${CLUSTER} ${this.#sky.taskFile}`, false);
    const id = /Submitted sky\.launch request: (\S+)/.exec(stripVTControlCharacters(stdout))?.[1] ?? '';
    await this.#http('requests in launch', 'GET', `/api/status?cluster_name=${CLUSTER}`);
    await this.#stream('stream of launch', id);
    await this.#get('launch', id);
    await this.#up('after launch');
    this.answers.set('SSH entry', new Lines(readFileSync(this.#entry(), 'utf8')));
    await this.#work('autostop', '/autostop', { idle_minutes: 10 });
    await this.#status('status with autostop');
    await this.#work('stop', '/stop', {});
    await this.#status('status when stopped');
    await this.#print(`sky status -o json`, true, 'sky status when stopped');
    await this.#print(`sky status --ip ${CLUSTER}`, false, 'address when stopped');
    await this.#work('stop again', '/stop', {});
    const start = await this.#post('/start', {});
    await this.#stream('stream of start', start);
    await this.#get('start', start);
    await this.#up('after start');
    const { stdout: fast } = await this.#print(
      `sky launch -y --async --fast -c ${CLUSTER} ${this.#sky.taskFile}`,
      false,
      'fast',
    );
    await this.#stream('stream of sync', /request: (\S+)/.exec(stripVTControlCharacters(fast))?.[1] ?? '');
    await this.#work('down', '/down', {});
    await this.#status('status after down');
  }

  async command(line: string): Promise<void> {
    await this.#run(`${line} ${CLUSTER}`);
  }

  async #up(when: string): Promise<void> {
    await this.#status(`status ${when}`);
    await this.#status(`fresh status ${when}`, 'FORCE');
    await this.#print(`sky status ${CLUSTER} -o json`, true, `sky status ${when}`);
    await this.#print(`sky status --ip ${CLUSTER}`, false, `address ${when}`);
  }

  #entry(): string {
    return join(this.#sky.environment['HOME'] ?? '', '.sky/generated/ssh', CLUSTER);
  }

  /** @param isJson compares what the JSON in it is made of, instead of its lines */
  async #print(line: string, isJson: boolean, name = line): Promise<{ readonly stdout: string }> {
    const { exitCode, stdout, stderr } = await this.#run(line);
    const start = stdout.search(/^[[{]/m);
    const told = isJson ? { json: JSON.parse(stdout.slice(start)) as unknown } : { stdout: new Lines(stdout) };
    this.answers.set(name, { exitCode, ...told, stderr: new Lines(lastLine(stderr)) });
    return { stdout };
  }

  async #run(line: string): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const [program = '', ...args] = line.split(' ');
    const options = { env: { ...this.#sky.environment }, timeout: COMMAND_MS };
    try {
      const { stdout, stderr } = await promisify(execFile)(program, args, options);
      return { exitCode: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { exitCode: code, stdout, stderr };
    }
  }

  async #http(
    name: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = HEADERS,
  ): Promise<Response> {
    const response = await this.#send(method, path, body, headers);
    const answer = await response.json();
    this.answers.set(name, {
      status: response.status,
      id: response.headers.has('x-skypilot-request-id'),
      body: unfold(answer),
    });
    return response;
  }

  #send(method: string, path: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<Response> {
    return fetch(this.#sky.endpoint + path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async #post(path: string, fields: object): Promise<string> {
    const response = await this.#send('POST', path, { cluster_name: CLUSTER, ...fields }, HEADERS);
    await response.text();
    return response.headers.get('x-skypilot-request-id') ?? '';
  }

  async #work(name: string, path: string, fields: object): Promise<void> {
    await this.#get(name, await this.#post(path, fields));
  }

  async #get(name: string, id: string): Promise<void> {
    await this.#http(name, 'GET', `/api/get?request_id=${id}`);
  }

  async #status(name: string, refresh = 'NONE'): Promise<void> {
    const flags = { include_credentials: false, include_handle: false };
    const response = await this.#send('POST', '/status', { cluster_names: [CLUSTER], refresh, ...flags }, HEADERS);
    await response.text();
    await this.#get(name, response.headers.get('x-skypilot-request-id') ?? '');
  }

  async #stream(name: string, id: string): Promise<void> {
    const path = `/api/stream?request_id=${id}&format=console&follow=true`;
    const response = await this.#send('GET', path, undefined, HEADERS);
    // A request that need not wait is not told to.
    const text = (await response.text()).replaceAll(/^.*Waiting for 'sky.*\n/gm, '');
    this.answers.set(name, { status: response.status, text: new Lines(text) });
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** JSON that is told as text is looked into, too. */
function unfold(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unfold);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const isJson = (key === 'return_value' || key === 'error') && typeof inner === 'string' && /^[[{"n]/.test(inner);
      return [key, isJson ? tryParse(inner) : unfold(inner)];
    }),
  );
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
