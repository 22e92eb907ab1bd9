/**
 * The fake's API server: `node server.ts FOLDER HOME PORT`. Its requests are lost when it dies; the records and the machines
 * are not.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { API_VERSION, behaviourOf, OLDEST_CLIENT, VERSION } from './behaviour.ts';
import { recordCall, writeJson } from './files.ts';
import { Job } from './job.ts';
import { launch, start } from './launch.ts';
import { SkyError, SkyRequest } from './requests.ts';
import { checkingRequest, END_OF_STREAM, health, payload, versionMismatch, waitingForSchedule } from './texts.ts';
import { autostop, check, down, status, stop } from './work.ts';

const [folder = '', home = '', port = '0'] = process.argv.slice(2);
const requests = new Map<string, SkyRequest>();
/** The work on each cluster, one after the other, as SkyPilot's lock has it. */
const queues = new Map<string, Promise<unknown>>();

const WORK: Readonly<Record<string, (job: Job) => Promise<unknown>>> = {
  '/launch': launch,
  '/start': start,
  '/stop': stop,
  '/down': down,
  '/autostop': autostop,
  '/check': check,
  '/api_cancel': () => Promise.resolve(null),
  '/list_accelerators': () => Promise.resolve({}),
  '/status': (job) => status(job, (name) => active(name).some(({ facts }) => facts.name === 'sky.launch')),
};

/** These end whatever else goes on with their cluster. */
const KILLS_OTHERS = ['/stop', '/down'];

function active(cluster: string): SkyRequest[] {
  return [...requests.values()].filter((request) => request.facts.cluster === cluster && !request.isFinished);
}

function submit(path: string, body: Record<string, unknown>): SkyRequest {
  const cluster = typeof body['cluster_name'] === 'string' ? body['cluster_name'] : null;
  const request = new SkyRequest({ name: `sky.${path.slice(1)}`, cluster, body });
  requests.set(request.id, request);
  recordCall(folder, { answered: `${path} ${request.id}` });
  const work = WORK[path];
  if (work !== undefined) void drive(path, request, work);
  return request;
}

async function drive(path: string, request: SkyRequest, work: (job: Job) => Promise<unknown>): Promise<void> {
  const { cluster, name } = request.facts;
  const job = new Job(folder, home, request);
  const run = async (): Promise<void> => {
    try {
      if (name === 'sky.launch' || name === 'sky.start') await job.phase('schedule');
      request.begin();
      request.succeed(await work(job));
    } catch (error) {
      if (job.signal.aborted) return;
      request.fail(error instanceof SkyError ? error : new SkyError('RuntimeError', String(error)));
    }
  };
  if (cluster === null) return run();
  if (KILLS_OTHERS.includes(path)) {
    for (const other of active(cluster)) if (other.facts.name !== name) other.cancel();
  }
  const turn = (queues.get(cluster) ?? Promise.resolve()).then(run);
  queues.set(cluster, turn);
  return turn;
}

function answer(response: ServerResponse, code: number, body: unknown, id: string = randomUUID()): void {
  response.writeHead(code, { ...facts(id), 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function facts(id: string): Record<string, string> {
  const version = behaviourOf(folder).version ?? VERSION;
  return {
    server: 'uvicorn',
    'x-skypilot-request-id': id,
    'x-skypilot-api-version': API_VERSION,
    'x-skypilot-version': version,
  };
}

function isTooOld(request: IncomingMessage): boolean {
  const version = request.headers['x-skypilot-version'];
  if (typeof version !== 'string') return false;
  return version.localeCompare(OLDEST_CLIENT, 'en', { numeric: true }) < 0;
}

async function stream(request: SkyRequest, url: URL, response: ServerResponse): Promise<void> {
  const isConsole = url.searchParams.get('format') === 'console';
  const follow = url.searchParams.get('follow') !== 'false';
  const signal = closing(response);
  response.writeHead(200, {
    ...facts(randomUUID()),
    'content-type': 'text/plain; charset=utf-8',
    'x-skypilot-stream-request-id': request.id,
  });
  const head = checkingRequest(request.id);
  const tellsAnything = ['sky.launch', 'sky.start', 'sky.check', 'sky.status'].includes(request.facts.name);
  const write = (text: string): void => {
    const plain = isConsole ? text : text.replaceAll(/^<sky-payload>.*<\/sky-payload>\n/gm, '');
    if (plain !== '' && tellsAnything) response.write(plain);
  };
  write(request.status === 'PENDING' ? head + waitingForSchedule(request.facts.name, request.id) : head);
  write(payload('stop'));
  for (let sent = 0; ;) {
    write(request.log.slice(sent));
    sent = request.log.length;
    if (request.isFinished || !follow) break;
    await request.moved(sent, signal);
  }
  if (request.facts.name === 'sky.launch') write(END_OF_STREAM);
  response.end();
}

function closing(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/** What is asked of one request: waiting for its end, or its stream. */
async function look(url: URL, response: ServerResponse): Promise<void> {
  const id = url.searchParams.get('request_id') ?? '';
  const request = [...requests.values()].find((one) => id !== '' && one.id.startsWith(id));
  if (request === undefined) {
    answer(response, 404, { detail: `Request '${id}' not found` });
    return;
  }
  if (url.pathname === '/api/stream') return stream(request, url, response);
  const signal = closing(response);
  while (!request.isFinished) await request.moved(Infinity, signal);
  if (request.isFailed) answer(response, 500, { detail: request.payload() });
  else answer(response, 200, request.payload());
}

function list(url: URL, response: ServerResponse): void {
  const cluster = url.searchParams.get('cluster_name');
  const isAll = url.searchParams.get('all_status') === 'true';
  const rows = [...requests.values()]
    .filter((request) => cluster === null || request.facts.cluster === cluster)
    .filter((request) => isAll || !request.isFinished)
    .map((request) => request.row());
  answer(response, 200, rows);
}

async function respond(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://fake');
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  recordCall(folder, { request: `${request.method ?? ''} ${request.url ?? ''}`, body });
  const { refuse, version = VERSION } = behaviourOf(folder);
  if (refuse === 0) return void request.socket.destroy();
  if (refuse !== undefined) {
    answer(response, refuse, { detail: 'The fake refuses.' });
    return;
  }
  if (isTooOld(request)) {
    answer(response, 400, versionMismatch(String(request.headers['x-skypilot-version']), version));
    return;
  }
  if (url.pathname === '/api/health') {
    answer(response, 200, health(version));
    return;
  }
  if (url.pathname === '/api/status') {
    list(url, response);
    return;
  }
  if (url.pathname === '/api/get' || url.pathname === '/api/stream') return look(url, response);
  if (url.pathname === '/api/cancel') {
    for (const id of (body['request_ids'] ?? []) as string[]) requests.get(id)?.cancel();
    answer(response, 200, null, submit('/api_cancel', {}).id);
    return;
  }
  if (request.method !== 'POST' || WORK[url.pathname] === undefined) {
    answer(response, 404, { detail: 'Not Found' });
    return;
  }
  const names = body['cluster_names'];
  if (names !== undefined && names !== null && !Array.isArray(names)) {
    const detail = {
      type: 'list_type',
      loc: ['body', 'cluster_names'],
      msg: 'Input should be a valid list',
      input: names,
    };
    answer(response, 422, { detail: [detail] });
    return;
  }
  answer(response, 200, null, submit(url.pathname, body).id);
}

const server = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => (text += String(chunk)));
  request.on('end', () => {
    // Whoever hung up needs no answer.
    respond(request, response, text).catch(() => response.destroy());
  });
});
server.keepAliveTimeout = 60_000;
server.on('error', () => process.exit(1));
server.listen(Number(port), '127.0.0.1', () => writeJson(join(folder, 'server.json'), { pid: process.pid }));
