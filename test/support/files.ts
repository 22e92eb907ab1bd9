/** Files that another process reads or removes at any moment. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** The text of a file; undefined where there is none, which may be so from one moment to the next. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a file so that whoever reads it meanwhile finds the text of before or this one, and never a part. */
export function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
