/** The vaults on the server: listing them, fetching from them, removing in them. The server has GNU find, tar and xargs. */
import { PassThrough } from 'node:stream';
import { UnavailableError } from '../../../protocol/errors.ts';
import { FIND_FORMAT, isInside, parseListing, type Files } from './listing.ts';
import { quote, type RemoteAnswer, type RemoteShell } from './remote-shell.ts';
import { readTar, type TarMember } from './tar.ts';

const LIST_DEADLINE_MS = 120_000;
const REMOVE_DEADLINE_MS = 300_000;
/** Fetching moves whole files over a home's connection. */
const FETCH_DEADLINE_MS = 60 * 60_000;

/** Before them a shell's start-up files may have written something. */
const LISTING = 'carapace-listing\0';
const ABSENT = 'carapace-absent\0';

/** One vault on the server. `folder` is absolute; SkyPilot makes it a link to where it mounts. */
export interface ServerVault {
  readonly server: RemoteShell;
  readonly folder: string;
}

/** What is in the vault; undefined where it was never mounted. @throws UnavailableError where it cannot be read whole */
export async function listServer(vault: ServerVault, signal: AbortSignal): Promise<Files | undefined> {
  const folder = quote(`${vault.folder}/`);
  const find = `LC_ALL=C find . -ignore_readdir_race -mindepth 1 '(' -type f -o -type l ')' -printf ${quote(FIND_FORMAT)}`;
  const present = `printf ${quote(LISTING.replace('\0', String.raw`\0`))} && cd ${folder} && ${find}`;
  const absent = `printf ${quote(ABSENT.replace('\0', String.raw`\0`))}`;
  const command = `if [ -d ${folder} ]; then ${present}; else ${absent}; fi`;
  const answer = await vault.server.run(command, { signal, deadlineMs: LIST_DEADLINE_MS });
  confirm(answer, `The files in ${vault.folder} on the server cannot be read whole`);
  const text = answer.stdout.toString();
  const start = text.indexOf(LISTING);
  if (start >= 0) return parseListing(text.slice(start + LISTING.length));
  if (text.includes(ABSENT)) return undefined;
  throw new UnavailableError(`The server did not tell what is in ${vault.folder}. Try again.`);
}

/**
 * Removes files, and then those of `folders` that are empty.
 * @returns how many files there were to remove
 */
export async function removeOnServer(
  vault: ServerVault,
  files: readonly string[],
  folders: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  // `find` follows no links, so what it tells is in the folder: a path that leads out by a link made there is not removed.
  const there = await listServer(vault, signal);
  const removed = files.filter((path) => isInside(path) && there?.has(path));
  await removeEach(vault, 'rm -f', removed, signal);
  const deepestFirst = folders.filter(isInside).sort((one, other) => other.split('/').length - one.split('/').length);
  const tolerant = 'rmdir --ignore-fail-on-non-empty';
  if (there !== undefined) await removeEach(vault, tolerant, deepestFirst, signal, ' 2>/dev/null || true');
  return removed.length;
}

async function removeEach(
  vault: ServerVault,
  program: string,
  paths: readonly string[],
  signal: AbortSignal,
  ending = '',
): Promise<void> {
  if (paths.length === 0) return;
  const command = `cd ${quote(`${vault.folder}/`)} && { xargs -0 -r ${program} --${ending}; }`;
  const answer = await vault.server.run(command, {
    input: nulSeparated(paths),
    signal,
    deadlineMs: REMOVE_DEADLINE_MS,
  });
  confirm(answer, `Files in ${vault.folder} on the server cannot be removed`);
}

/**
 * Streams files of the vault to `take`, one after the other. Members that were not asked for end it.
 * @throws UnavailableError where the server cannot send all of them, and what `take` throws
 */
export async function fetchFromServer(
  vault: ServerVault,
  paths: ReadonlySet<string>,
  take: (member: TarMember) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const output = new PassThrough();
  const stop = new AbortController();
  const left = new Set(paths);
  const consume = async (): Promise<void> => {
    try {
      for await (const member of readTar(output)) {
        if (!left.delete(member.path)) throw new UnavailableError('The server sent a file that it was not asked for.');
        await take(member);
      }
    } catch (error) {
      // Where the stream ended too early the command's own words are better.
      if (!output.readableEnded) stop.abort(error);
      throw error;
    }
  };
  const options = { input: nulSeparated([...paths]), output, signal: AbortSignal.any([signal, stop.signal]) };
  const [ran, consumed] = await Promise.allSettled([
    vault.server.run(tarCommand(vault.folder), { ...options, deadlineMs: FETCH_DEADLINE_MS }),
    consume(),
  ]);
  if (ran.status === 'rejected') throw ran.reason;
  confirm(ran.value, 'The server cannot send all files; they may have changed meanwhile');
  if (consumed.status === 'rejected') throw consumed.reason;
  if (left.size > 0) throw new UnavailableError(`The server did not send ${left.size} files. Try again.`);
}

function tarCommand(folder: string): string {
  const format = '--format=posix --pax-option=delete=atime,delete=ctime --hard-dereference';
  return `cd ${quote(`${folder}/`)} && LC_ALL=C tar --create ${format} --no-recursion --null --files-from=- --file=-`;
}

/** `./` keeps a name that begins with a hyphen from being an option. */
function nulSeparated(paths: readonly string[]): string {
  return paths.map((path) => `./${path}\0`).join('');
}

function confirm(answer: RemoteAnswer, failure: string): void {
  if (answer.exitCode === 0) return;
  const lines = answer.stderr.trim().split('\n').slice(0, 3).join(' ');
  throw new UnavailableError(`${failure}: ${lines === '' ? `exit code ${answer.exitCode}` : lines}`);
}
