/** The pages for browsers, read once when the server starts: it goes on serving them when an update replaces the files. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What browsers get, as the build names it. */
export const BROWSER_FILES = ['join.html', 'join.js', 'join.css', 'seat.html', 'seat.js', 'seat.css'] as const;
export type BrowserFileName = (typeof BROWSER_FILES)[number];

/** One form of a file, with the strong validator of its bytes (RFC 9110, 8.8.3). */
export interface BrowserFileForm {
  readonly bytes: Buffer;
  readonly etag: string;
}

export interface BrowserFile {
  readonly plain: BrowserFileForm;
  /** The same by gzip, in about a quarter of the bytes: a whole class loads it at once. */
  readonly packed: BrowserFileForm;
}

/** Those that were found. */
export type BrowserFiles = ReadonlyMap<BrowserFileName, BrowserFile>;

/** Where a build puts them, seen from the folder of a program: beside a bundle, or in the checkout of a source. */
const FOLDERS = ['browser', '../dist/browser'];

/** Reads the pages. What cannot be read is left out: the server tells so to whoever asks for it. */
export function readBrowserFiles(programFolder: string): BrowserFiles {
  const read = BROWSER_FILES.map((name) => [name, readFile(programFolder, name)] as const);
  return new Map(read.flatMap(([name, file]) => (file === undefined ? [] : [[name, file] as const])));
}

function readFile(programFolder: string, name: BrowserFileName): BrowserFile | undefined {
  for (const folder of FOLDERS) {
    try {
      const bytes = readFileSync(join(programFolder, folder, name));
      return { plain: formOf(bytes), packed: formOf(gzipSync(bytes)) };
    } catch {
      // The next one has it, or none has.
    }
  }
  return undefined;
}

function formOf(bytes: Buffer): BrowserFileForm {
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` };
}
