/** Where SkyPilot's API server is, as its command line finds it (`get_server_url` in `sky/server/common.py`). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Environment } from './environment.ts';
import { errorFromCommand } from './errors.ts';
import { run } from './process.ts';
import type { Endpoint, SkyRest } from './rest.ts';

const DEFAULT_URL = 'http://127.0.0.1:46580';
const LOCAL_HOSTS = new Set(['127.0.0.1', 'localhost', '0.0.0.0', '[::1]']);
/** It took 6 to 20 s on a busy machine. */
const START_DEADLINE_MS = 120_000;

const configSchema = z.object({
  api_server: z.object({ endpoint: z.string().optional(), service_account_token: z.string().optional() }).optional(),
});

/** The endpoint of this environment and of `~/.sky/config.yaml`. @throws UnavailableError for an endpoint that is no URL */
export async function findEndpoint(environment: Environment): Promise<Endpoint> {
  const config = await readConfig(environment);
  const text = environment['SKYPILOT_API_SERVER_ENDPOINT'] ?? config?.endpoint ?? DEFAULT_URL;
  const url = URL.parse(text);
  if (url === null) throw new UnavailableError(`SkyPilot's API server is set to "${text}", which is not a URL.`);
  const token = environment['SKYPILOT_SERVICE_ACCOUNT_TOKEN'] ?? config?.service_account_token;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const basic = url.username === '' ? undefined : `Basic ${Buffer.from(user).toString('base64')}`;
  return {
    url: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`,
    authorization: token === undefined ? basic : `Bearer ${token}`,
    isLocal: LOCAL_HOSTS.has(url.hostname),
  };
}

async function readConfig(environment: Environment): Promise<z.infer<typeof configSchema>['api_server']> {
  const path = environment['SKYPILOT_GLOBAL_CONFIG'] ?? join(environment['HOME'] ?? '/', '.sky', 'config.yaml');
  try {
    return configSchema.parse(parse(await readFile(path, 'utf8'))).api_server;
  } catch {
    // SkyPilot itself says what is wrong with its file.
    return undefined;
  }
}

/** The id by which SkyPilot knows this user; undefined before its first use. */
export async function readUserHash(environment: Environment): Promise<string | undefined> {
  const path = join(environment['HOME'] ?? '/', '.sky', 'user_hash');
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9a-f]+$/.exec(text.trim())?.[0];
}

/** Starts the API server of this machine unless it answers. @throws UnavailableError where it does not come up */
export async function startServer(
  sky: {
    readonly command: string;
    readonly environment: Environment;
    readonly endpoint: Endpoint;
    readonly rest: SkyRest;
  },
  signal: AbortSignal,
): Promise<void> {
  const { command, environment, endpoint, rest } = sky;
  if (await rest.isServing(signal)) return;
  if (!endpoint.isLocal) {
    throw new UnavailableError(
      `SkyPilot's API server at ${endpoint.url} does not answer. It is not on this machine, so it is not started from here.`,
    );
  }
  const ran = await run(command, ['api', 'start'], { environment, signal, deadlineMs: START_DEADLINE_MS });
  if (await rest.isServing(signal)) return;
  if (ran.exitCode !== 0) throw errorFromCommand("start SkyPilot's API server", ran);
  throw new UnavailableError(
    `SkyPilot's API server was started but does not answer at ${endpoint.url}. Its log is ~/.sky/api_server/server.log.`,
  );
}
