/** The seat's files on their own port: `/health`, `/files`, `/watch`, `/archive` and `/exec`. */
import type { Server } from 'node:http';
import type { Logger } from 'pino';
import { ForbiddenError, NotFoundError } from '../protocol/errors.ts';
import { answerExec, type ExecOptions } from './exec.ts';
import { answerArchive } from './files/archive.ts';
import { PathLocks } from './files/locks.ts';
import { FileRoutes, type FilesOptions } from './files/routes.ts';
import { Watches } from './files/watch.ts';
import { answerHealth, type HealthSource } from './health.ts';
import { serve, type Exchange } from './http/exchange.ts';
import { boundedServer } from './http/listen.ts';

export interface FilesServer {
  readonly server: Server;
  /** Resolves when no request is being answered any more. */
  idle(): Promise<void>;
}

export function createFilesServer(
  files: FilesOptions,
  exec: ExecOptions,
  health: HealthSource,
  log: Logger,
): FilesServer {
  const locks = new PathLocks();
  const routes = new FileRoutes(files, locks);
  const archives = { root: files.root, locks, maxBytes: files.maxFileBytes, maxEntries: files.maxArchiveEntries };
  const watches = new Watches(files.root, files.watchBounds);
  const running = new Set<Promise<void>>();

  async function route(exchange: Exchange): Promise<void> {
    const { path } = exchange;
    if (path === '/health') answerHealth(exchange, health);
    else if (path === '/exec') await answerExec(exchange, exec);
    else if (path === '/archive') await answerArchive(exchange, archives);
    else if (path === '/watch') await watches.answer(exchange);
    else if (path === '/files' || path.startsWith('/files/'))
      await routes.answer(exchange, path.slice('/files'.length));
    else if (path.startsWith('/'))
      throw new NotFoundError('There are only /health, /files, /watch, /archive and /exec here.');
    else throw new ForbiddenError('The address must be a path on this server.');
  }

  const server = boundedServer((request, response) => {
    const answered = serve(request, response, route, log);
    running.add(answered);
    void answered.finally(() => running.delete(answered));
  });
  return {
    server,
    idle: async () => {
      await Promise.all(running);
    },
  };
}
