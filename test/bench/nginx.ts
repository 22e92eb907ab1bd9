/**
 * A plain HTTP file server, the comparison for files: nginx, since it takes PUT, as busybox httpd does not. It neither
 * checks who asks nor brings what it writes to the disk, as a seat does.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { RequestOptions } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const HOW_TO_GET_NGINX = 'nginx is not installed: apt-get install nginx-light';
const START_MS = 10_000;

export interface Nginx {
  readonly version: string;
  readonly fileRequest: (path: string) => RequestOptions;
  close(): Promise<void>;
}

function configuration(folder: string, port: number): string {
  return `daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
${userInfo().uid === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  sendfile on;
  client_max_body_size 0;
  keepalive_requests 1000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/files;
    location / { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
`;
}

/** Undefined where it is not installed. */
export async function startNginx(folder: string): Promise<Nginx | undefined> {
  // Debian keeps it where the PATH of some users does not look.
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
  const { stderr, status } = spawnSync('nginx', ['-v'], { encoding: 'utf8', env });
  if (status !== 0) return undefined;
  const port = await freePort();
  mkdirSync(join(folder, 'files'), { recursive: true });
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, port));
  const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', file], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const deadline = Date.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('nginx does not serve');
    await sleep(50);
  }
  return {
    version: /nginx\/[\d.]+/.exec(stderr)?.[0] ?? 'nginx',
    fileRequest: (path) => ({ hostname: '127.0.0.1', port, path: `/${path}` }),
    close: async () => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
