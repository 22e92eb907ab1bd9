/** Files of this machine into a folder of the seat. */
import { ChangedError, NotFoundError } from '../../protocol/errors.ts';
import { ask } from '../ask.ts';
import type { PageFiles } from './page-files.ts';
import { joinPath, shownName } from '../../client/file-paths.ts';

const REPLACE = 'Replace';
const REPLACE_ALL = 'Replace all';
const SKIP = 'Skip';

/**
 * Uploads one after the other; what is there already is asked about.
 * @param say tells how far it is
 * @throws the typed errors of the seat, at the first file that fails
 */
export async function upload(
  files: PageFiles,
  folder: string,
  chosen: readonly File[],
  say: (text: string) => void,
): Promise<void> {
  let all = false;
  let done = 0;
  for (const [index, file] of chosen.entries()) {
    say(`Uploading ${shownName(file.name)} (${index + 1} of ${chosen.length})…`);
    const path = joinPath(folder, file.name);
    const isNew = all ? false : await tryNew(files, path, file);
    if (isNew) {
      done += 1;
      continue;
    }
    const answer: string | undefined = all ? REPLACE_ALL : await askToReplace(file.name, chosen.length > index + 1);
    if (answer === undefined) break;
    if (answer === SKIP) continue;
    all = answer === REPLACE_ALL;
    await files.write(path, file);
    done += 1;
  }
  say(doneText(done));
}

function doneText(count: number): string {
  if (count === 0) return 'Nothing was uploaded.';
  return count === 1 ? 'Uploaded 1 file.' : `Uploaded ${count} files.`;
}

/** Looks first: a large file is not sent only to be refused. */
async function tryNew(files: PageFiles, path: string, file: File): Promise<boolean> {
  try {
    if (await isThere(files, path)) return false;
    await files.write(path, file, { ifNoneMatch: '*' });
    return true;
  } catch (error) {
    if (error instanceof ChangedError) return false;
    throw error;
  }
}

async function isThere(files: PageFiles, path: string): Promise<boolean> {
  try {
    await files.stat(path);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function askToReplace(name: string, hasMore: boolean): Promise<string | undefined> {
  return ask({
    title: `Replace "${shownName(name)}"?`,
    text: 'The seat has a file of that name already. What is in it would be lost.',
    choices: hasMore ? [REPLACE, REPLACE_ALL, SKIP] : [REPLACE],
  });
}
