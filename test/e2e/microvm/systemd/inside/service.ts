/** Has systemd start the installed agent, kills it and stops it, and looks at what becomes of it and of its seats. */
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limiter } from '../../../../../src/agent/limits/limiter.ts';
import type { HardeningFacts, RestartFacts, TokenFacts } from '../facts.ts';
import { UNIT } from './install.ts';
import type { Metadata } from './metadata.ts';
import { INPUT, outputOf, run, runs, start, until } from './tools.ts';

const ENVIRONMENT = '/run/clarateach-agent.env';
const AGENT = 'http://127.0.0.1:9090';
const TOKEN = 'the-token-of-the-agent';
const SOCKETS_MARK = '/run/clarateach/mark';

/** A machine inside of this emulated one would be too slow: seats are processes here, and the rest is as installed. */
export function playRuntime(): void {
  const folder = `/run/systemd/system/${UNIT}.d`;
  mkdirSync(folder, { recursive: true });
  // A file, because the one that the installer writes beats what the unit sets.
  writeFileSync('/run/test-runtime', 'AGENT_RUNTIME=process\n');
  const lines = ['[Service]', 'EnvironmentFile=/run/test-runtime', `ExecStartPost=${INPUT}/under-hardening`];
  writeFileSync(`${folder}/test.conf`, `${lines.join('\n')}\n`);
}

/** What the unit has written to the journal since it was asked the last time. */
async function newLog(): Promise<string> {
  await run('journalctl', '--sync');
  return outputOf('journalctl', '--unit', UNIT, '--output', 'cat', '--no-pager', '--cursor-file', '/run/test-cursor');
}

async function mainPid(): Promise<number> {
  return Number(await outputOf('systemctl', 'show', UNIT, '--property', 'MainPID', '--value'));
}

async function get(path: string, token?: string): Promise<Response | undefined> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${AGENT}${path}`, { headers, signal: AbortSignal.timeout(20_000) }).catch(() => undefined);
}

async function health(): Promise<string> {
  return until('the health of the agent', async () => (await get('/health'))?.text(), 180_000);
}

export async function startAgent(metadata: Metadata): Promise<Omit<TokenFacts, 'refusedAgain' | 'fileAfter'>> {
  await newLog();
  const unreachable = await run('systemctl', 'start', UNIT);
  await run('systemctl', 'stop', UNIT);
  const unreachableLog = await newLog();
  await metadata.open();
  metadata.attributes.set('workshop-id', 'ws-test');
  const refused = await run('systemctl', 'start', UNIT);
  const refusedLog = await newLog();
  const fileBefore = existsSync(ENVIRONMENT);
  metadata.attributes.set('workspace-token-secret', 'a-secret/of+the=workshops');
  metadata.attributes.set('agent-token', TOKEN);
  const answer = await health();
  const { uid, mode } = statSync(ENVIRONMENT);
  return {
    ...{ unreachable, unreachableLog, refused, refusedLog, fileBefore, health: answer },
    file: `${uid} ${(mode & 0o7777).toString(8)}\n${readFileSync(ENVIRONMENT, 'utf8')}`,
    infoWithToken: (await get('/info', TOKEN))?.status ?? 0,
    infoWithoutToken: (await get('/info'))?.status ?? 0,
  };
}

export async function takeTokenAway(metadata: Metadata): Promise<Pick<TokenFacts, 'refusedAgain' | 'fileAfter'>> {
  await metadata.open();
  metadata.attributes.delete('agent-token');
  const refusedAgain = await run('systemctl', 'start', UNIT);
  await run('systemctl', 'stop', UNIT);
  return { refusedAgain, fileAfter: existsSync(ENVIRONMENT) };
}

/** Starts a program as if the agent had: in the agent's own group, from which a limiter's wrapper takes it out. */
function startInAgent(command: readonly string[]): number {
  const enter = `echo 0 >/sys/fs/cgroup/system.slice/${UNIT}/cgroup.procs; exec "$@"`;
  return start(['/bin/sh', '-c', enter, 'sh', ...command]).pid;
}

function groupOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim();
}

/** Without a metadata server: a restart must not depend on it. */
export async function killAndStop(limiter: Limiter, metadata: Metadata): Promise<RestartFacts> {
  const bounds = { memoryMb: 64, cpus: 1, processes: 10 };
  const confinement = await limiter.prepare('test-restart', bounds, AbortSignal.timeout(60_000));
  const scope = startInAgent(confinement.wrap(['sleep', '765432']));
  const child = startInAgent(['sleep', '765432']);
  await until('the scope', () => groupOf(scope).endsWith('test-restart.scope'));
  await until('the child', () => groupOf(child).endsWith(UNIT));
  writeFileSync(SOCKETS_MARK, '');
  await metadata.close();
  const killed = await mainPid();
  const began = performance.now();
  process.kill(killed, 'SIGKILL');
  const restarted = await until('the next agent', async () => {
    const pid = await mainPid();
    return pid !== 0 && pid !== killed ? pid : undefined;
  });
  const restartedAfterMs = Math.round(performance.now() - began);
  await health();
  const healthAfterMs = Math.round(performance.now() - began);
  const look = (): [boolean, boolean, boolean] => [runs(scope), runs(child), existsSync(SOCKETS_MARK)];
  const [scopeAfterKill, childAfterKill, socketsAfterKill] = look();
  await run('systemctl', 'stop', UNIT);
  await sleep(500);
  const stopped = await outputOf('systemctl', 'is-active', UNIT);
  const [scopeAfterStop, childAfterStop, socketsAfterStop] = look();
  await limiter.remove('test-restart');
  process.kill(child, 'SIGKILL');
  return {
    ...{ killed, restarted, restartedAfterMs, healthAfterMs, stopped },
    ...{ scopeAfterKill, childAfterKill, socketsAfterKill, scopeAfterStop, childAfterStop, socketsAfterStop },
  };
}

export async function lookAtHardening(): Promise<HardeningFacts> {
  const pid = await mainPid();
  const namespace = (of: number | string): string => readlinkSync(`/proc/${of}/ns/mnt`);
  const security = await outputOf('systemd-analyze', 'security', '--no-pager', UNIT);
  return {
    sameMounts: namespace(pid) === namespace(1),
    status: readFileSync(`/proc/${pid}/status`, 'utf8'),
    work: readFileSync('/run/under-hardening', 'utf8'),
    exposure: security.split('\n').at(-1) ?? '',
  };
}
