/** Files of this machine into a folder of the seat. */
import { ChangedError, NotFoundError } from '../../protocol/errors.ts';
import { ask } from '../ask.ts';
import { t } from '../language.ts';
import type { PageFiles } from './page-files.ts';
import { joinPath, shownName } from '../../client/file-paths.ts';

/** What becomes of a file that is there already. */
type Answer = 'replace' | 'replace-all' | 'skip';

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
    say(t('Uploading {0} ({1} of {2})…', shownName(file.name), index + 1, chosen.length));
    const path = joinPath(folder, file.name);
    const isNew = all ? false : await tryNew(files, path, file);
    if (isNew) {
      done += 1;
      continue;
    }
    const answer: Answer | undefined = all ? 'replace-all' : await askToReplace(file.name, chosen.length > index + 1);
    if (answer === undefined) break;
    if (answer === 'skip') continue;
    all = answer === 'replace-all';
    await files.write(path, file);
    done += 1;
  }
  say(doneText(done));
}

function doneText(count: number): string {
  if (count === 0) return t('Nothing was uploaded.');
  return count === 1 ? t('Uploaded 1 file.') : t('Uploaded {0} files.', count);
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

async function askToReplace(name: string, hasMore: boolean): Promise<Answer | undefined> {
  const all = t('Replace all');
  const skip = t('Skip');
  const choice = await ask({
    title: t('Replace "{0}"?', shownName(name)),
    text: t('The seat has a file of that name already. What is in it would be lost.'),
    choices: hasMore ? [t('Replace'), all, skip] : [t('Replace')],
  });
  if (choice === undefined) return undefined;
  if (choice === skip) return 'skip';
  return choice === all ? 'replace-all' : 'replace';
}
