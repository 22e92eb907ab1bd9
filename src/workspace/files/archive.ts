/** `/archive?path=P`: a folder as one compressed tar file, out and in. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { flushFolders, flushTree } from '../../lib/archive/flush.ts';
import { moveIn } from '../../lib/archive/move-in.ts';
import { findUnreadable, packTree, type PackOptions } from '../../lib/archive/pack.ts';
import { MAX_ARCHIVE_ENTRIES, unpackInto } from '../../lib/archive/unpack.ts';
import { ForbiddenError, InvalidInputError } from '../../protocol/errors.ts';
import { ARCHIVE_TYPE } from '../../protocol/files.ts';
import { allowMethods } from '../health.ts';
import { boundedBody } from '../http/body.ts';
import { sendEmpty, type Exchange } from '../http/exchange.ts';
import { parseQuery } from '../http/query.ts';
import { conflict, fileError } from './file-errors.ts';
import type { PathLocks } from './locks.ts';
import { makeParents, unmakeParents } from './make-folder.ts';
import { pathOfText, quotePath } from './path.ts';
import { flag } from './query-flag.ts';
import { isTemporary, withTemporaryName } from './temporary.ts';
import { HeldFolder, inFolder, realPathOf, type WorkspaceRoot } from './workspace-root.ts';

/** How long a client may take nothing of an answer. */
const IDLE_MS = 120_000;
/** Of files that are still being written into while all is removed. */
const RETRIES = 5;

export interface ArchiveOptions {
  readonly root: WorkspaceRoot;
  readonly locks: PathLocks;
  /** The largest archive that is taken, in bytes, both compressed and unpacked. */
  readonly maxBytes: number;
  /** The most entries that it may have; default {@link MAX_ARCHIVE_ENTRIES}. */
  readonly maxEntries?: number | undefined;
}

/** @throws NotFoundError, ForbiddenError, ConflictError, InvalidInputError, TooLargeError, DiskFullError */
export async function answerArchive(exchange: Exchange, options: ArchiveOptions): Promise<void> {
  allowMethods(exchange, ['GET', 'PUT']);
  const isPut = exchange.method === 'PUT';
  const fields = parseQuery(exchange.query, isPut ? ['path', 'overwrite'] : ['path']);
  const { names } = pathOfText(fields.path ?? '');
  try {
    if (isPut) await unpack(exchange, options, names, flag('overwrite', fields.overwrite));
    else await pack(exchange, options.root, names);
  } catch (error) {
    throw fileError(error, names);
  }
}

async function pack(exchange: Exchange, root: WorkspaceRoot, names: readonly string[]): Promise<void> {
  const { response } = exchange;
  const place = await root.findExisting(names);
  const isFolder = place.stats.isDirectory();
  if (!isFolder && !place.stats.isFile())
    throw conflict('special_file', `${quotePath(names)} is a pipe, socket or device: it cannot be archived.`);
  const held = await HeldFolder.open(isFolder ? join(place.folder, place.name) : place.folder);
  try {
    const options: PackOptions = {
      name: names.at(-1) ?? '',
      skips: isTemporary,
      mayRead: async (file) => root.contains(await realPathOf(file)),
    };
    const source = held.at(isFolder ? '.' : place.name);
    // Once bytes are on their way, what goes wrong cannot be told any more.
    const unreadable = await findUnreadable(source, options);
    if (unreadable !== undefined) throw mustNotBeRead(quotePath([...names, ...unreadable.split('/').filter(Boolean)]));
    const blocks = packTree(source, options);
    const first = await blocks.next();
    response.writeHead(200, { 'Content-Type': ARCHIVE_TYPE, 'Cache-Control': 'no-store' });
    response.setTimeout(IDLE_MS, () => response.destroy());
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    await pipeline(Readable.from(continued(first, blocks)), gzip, response);
  } finally {
    await held.close();
  }
}

function mustNotBeRead(path: string): ForbiddenError {
  return new ForbiddenError(
    `${path} must not be read: the file system forbids it. Nothing was packed. Change its mode, or move it away.`,
  );
}

async function* continued(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.done !== true) yield first.value;
  yield* rest;
}

/** Unpacks under a temporary name in the folder itself, flushes all, then moves it to its place. */
async function unpack(
  exchange: Exchange,
  options: ArchiveOptions,
  names: readonly string[],
  overwrite: boolean,
): Promise<void> {
  const { root, locks, maxBytes } = options;
  const { request } = exchange;
  if (request.headers['content-encoding'] !== undefined || request.headers['content-range'] !== undefined)
    throw new InvalidInputError('An archive is sent whole and as it is: no Content-Encoding, no Content-Range.');
  const place = await root.find(names, true);
  if (place.stats?.isDirectory() === false) throw conflict('not_a_directory', `${quotePath(names)} is not a folder.`);
  const bounds = { bytes: maxBytes, entries: options.maxEntries ?? MAX_ARCHIVE_ENTRIES };
  await withTemporaryName(async (name) => {
    // The folder itself is made as one above the temporary name.
    const spot = await makeParents({ ...place, below: [...place.below, name] });
    try {
      await inFolder(spot.folder, async (held) => {
        const temporary = held.at(name);
        let changed: ReadonlySet<string>;
        await mkdir(temporary, { mode: 0o700 });
        try {
          await mkdir(join(temporary, 'new'), { mode: 0o700 });
          await unpackInto(join(temporary, 'new'), boundedBody(request, maxBytes), bounds);
          // Before the names are: no power failure leaves a name without its content.
          await flushTree(join(temporary, 'new'));
          if (!(await held.isAt(spot.folder)))
            throw new ForbiddenError('The folder was moved meanwhile. Nothing was unpacked.');
          const show = (path: string) => quotePath([...names, path]);
          const moving = { overwrite, aside: join(temporary, 'old'), show };
          changed = await locks.with([spot.folder], () => moveIn(join(temporary, 'new'), held.at('.'), moving));
        } finally {
          await rm(temporary, { recursive: true, force: true, maxRetries: RETRIES });
        }
        await held.sync();
        await flushFolders(changed);
      });
    } catch (error) {
      await unmakeParents(spot);
      throw error;
    }
  });
  sendEmpty(exchange, 204);
}
