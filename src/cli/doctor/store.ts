/** What `carapace doctor` says of the store: whether the control plane can use it, and what is in it. */
import { tmpdir } from 'node:os';
import * as z from 'zod/mini';
import { statePaths } from '../../lib/state-folder.ts';
import { CarapaceError, DiskFullError, UnavailableError } from '../../protocol/errors.ts';
import { bad, well, type Finding } from './finding.ts';
import { seatFolders } from './seat-folders.ts';
import { readStore, withCopy } from './store-copy.ts';

const REPLACE = 'Put a good copy in its place, or move it away to begin anew.';

interface Contents {
  readonly workshops: ReadonlySet<string>;
  readonly unfinished: number;
}

const EMPTY: Contents = { workshops: new Set(), unfinished: 0 };

/** Looks at a copy, so that nothing is changed and nobody is held up; also while a control plane runs. */
export async function storeFinding(folder: string): Promise<Finding> {
  const path = statePaths(folder).store;
  const before = await seatFolders(folder);
  const bytes = await readStore(path).catch((error: unknown) => unreadable(path, error));
  if (bytes !== undefined && 'said' in bytes) return bytes;
  // A workshop that is being made or deleted has its folders at one of the two moments only.
  const after = await seatFolders(folder);
  const contents = bytes === undefined ? EMPTY : await withCopy(bytes, lookAt(path)).catch(() => notCopied(path));
  if ('said' in contents) return contents;
  const unknown = [...before].filter(([seats, id]) => after.has(seats) && !contents.workshops.has(id));
  const { workshops, unfinished } = contents;
  const said =
    bytes === undefined
      ? 'none yet; the control plane makes it'
      : `${count(workshops.size, 'workshop')}, ${count(unfinished, 'unfinished operation')}`;
  if (unknown.length === 0) return well('store', said);
  const where = unknown.map(([seats]) => seats).join(' and ');
  const next = 'Save what is wanted of the files in there, then delete it.';
  return bad('store', `${said}; it does not know the workshop whose seats are in ${where}`, next);
}

function lookAt(path: string): (copy: string) => Promise<Contents | Finding> {
  return (copy) => contentsOf(copy).catch((error: unknown) => unusable(path, copy, error));
}

/** Opens it as the control plane does, and reads what that reads. */
async function contentsOf(copy: string): Promise<Contents> {
  // Loaded here and not above: the other commands start faster without it.
  const { Store } = await import('../../provisioning/store/store.ts');
  const store = Store.open(copy);
  try {
    const [damage] = store.database.all(integritySchema, 'PRAGMA quick_check(1)');
    if (damage !== undefined && damage.quick_check !== 'ok') {
      throw new UnavailableError(`The store ${copy} is damaged (${damage.quick_check}). ${REPLACE}`);
    }
    const workshops = store.workshops.all();
    for (const { id } of workshops) store.learners.of(id);
    store.seats.all();
    store.workers.all();
    store.operations.all();
    store.cluster.find();
    return { workshops: new Set(workshops.map(({ id }) => id)), unfinished: store.operations.running().length };
  } finally {
    store.close();
  }
}

const integritySchema = z.object({ quick_check: z.string() });

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function unreadable(path: string, error: unknown): Finding {
  if (error instanceof CarapaceError) return sentences(error.message);
  return bad('store', `${path} cannot be read (${reasonOf(error)})`, 'Check its permissions, its folder and its disk.');
}

function notCopied(path: string): Finding {
  const next = 'Make room there, or set TMPDIR to another folder.';
  return bad('store', `${path} cannot be looked at: no copy of it can be written to ${tmpdir()}`, next);
}

function unusable(path: string, copy: string, error: unknown): Finding {
  if (error instanceof DiskFullError) return notCopied(path);
  if (error instanceof CarapaceError) {
    const { said, next } = sentences(error.message);
    return bad('store', said.replaceAll(copy, path), (next ?? '').replaceAll(copy, path));
  }
  const said = `${path} holds what this version cannot read (${reasonOf(error)})`;
  return bad('store', said, 'Use the version of Carapace that wrote it, or move it away to begin anew.');
}

/** The first sentence says what is wrong, the rest what to do. */
function sentences(message: string): Finding {
  const end = message.search(/\. [A-Z]/);
  return bad('store', message.slice(0, end), message.slice(end + 2));
}

const issuesSchema = z.object({
  issues: z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() })),
});

/** In a few words. */
function reasonOf(error: unknown): string {
  const [issue] = issuesSchema.safeParse(error).data?.issues ?? [];
  if (issue !== undefined) return [...issue.path, issue.message].join(': ');
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && 'syscall' in error ? String(error.code) : error.message;
}
