/** Files that are outside of seats: on this machine's disk, in another file system of VS Code, or just dropped. */
import { createReadStream } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import type * as vscode from 'vscode';
import { NotFoundError, TooLargeError } from '../../protocol/errors.ts';
import { MAX_READ_BYTES } from '../../client/seat-files.ts';
import { nameOf } from '../../client/file-paths.ts';
import { formatBytes } from '../../client/format.ts';

/** A file or folder that can be read. */
export interface LocalItem {
  readonly name: string;
  readonly isFolder: boolean;
  /** In bytes; 0 for folders. */
  readonly size: number;
  /** The content, and how many bytes of it have been read. */
  readonly open: () => Promise<{ readonly stream: Readable; readonly moved: () => number }>;
  /** What is in a folder; undefined for what is neither a file nor a folder, or a link to a folder. */
  readonly children: () => Promise<(LocalItem | undefined)[]>;
}

type Vs = Pick<typeof vscode, 'FileType' | 'Uri' | 'l10n' | 'workspace'>;

/** @throws NotFoundError where nothing is there */
export async function localItem(vs: Vs, uri: vscode.Uri): Promise<LocalItem> {
  if (uri.scheme === 'file') {
    try {
      return diskItem(uri.fsPath, await stat(uri.fsPath));
    } catch (error) {
      throw new NotFoundError(vs.l10n.t('"{0}" cannot be read.', uri.fsPath), undefined, { cause: error });
    }
  }
  const { type, size } = await vs.workspace.fs.stat(uri);
  return otherItem(vs, uri, (type & vs.FileType.Directory) !== 0, size);
}

/** A file that has no address here, such as one that was dropped onto a browser. */
export function droppedItem(file: vscode.DataTransferFile): LocalItem {
  const open = async () => inMemory(await file.data());
  return { name: nameOf(file.name.replaceAll('\\', '/')), isFolder: false, size: 0, open, children: nothing };
}

function diskItem(path: string, stats: { isDirectory: () => boolean; size: number }): LocalItem {
  const isFolder = stats.isDirectory();
  return {
    name: basename(path),
    isFolder,
    size: isFolder ? 0 : stats.size,
    open: () => {
      const stream = createReadStream(path);
      return Promise.resolve({ stream, moved: () => stream.bytesRead });
    },
    children: async () => {
      const items: (LocalItem | undefined)[] = [];
      for (const name of await readdir(path)) items.push(await childOf(join(path, name)));
      return items;
    },
  };
}

/** Links to files count as files. Links to folders are left out: they may lead in a circle. */
async function childOf(path: string): Promise<LocalItem | undefined> {
  const own = await lstat(path);
  const target = own.isSymbolicLink() ? await stat(path).catch(() => undefined) : own;
  if (target === undefined || (own.isSymbolicLink() && target.isDirectory())) return undefined;
  return target.isFile() || target.isDirectory() ? diskItem(path, target) : undefined;
}

/** Other file systems of VS Code hand over whole files only. */
function otherItem(vs: Vs, uri: vscode.Uri, isFolder: boolean, size: number): LocalItem {
  const t = vs.l10n.t;
  return {
    name: nameOf(uri.path),
    isFolder,
    size: isFolder ? 0 : size,
    open: async () => {
      if (size > MAX_READ_BYTES)
        throw new TooLargeError(
          t(
            '"{0}" has {1}; from there, at most {2} can be taken.',
            uri.path,
            formatBytes(size, t),
            formatBytes(MAX_READ_BYTES, t),
          ),
        );
      return inMemory(await vs.workspace.fs.readFile(uri));
    },
    children: async () => {
      const { Directory, File, SymbolicLink } = vs.FileType;
      const items: (LocalItem | undefined)[] = [];
      for (const [name, type] of await vs.workspace.fs.readDirectory(uri)) {
        const child = vs.Uri.joinPath(uri, name);
        const isChildFolder = (type & Directory) !== 0;
        const known = isChildFolder ? (type & SymbolicLink) === 0 : (type & File) !== 0;
        const bytes = known && !isChildFolder ? (await vs.workspace.fs.stat(child)).size : 0;
        items.push(known ? otherItem(vs, child, isChildFolder, bytes) : undefined);
      }
      return items;
    },
  };
}

function inMemory(bytes: Uint8Array): { stream: Readable; moved: () => number } {
  return { stream: Readable.from([bytes]), moved: () => bytes.length };
}

function nothing(): Promise<LocalItem[]> {
  return Promise.resolve([]);
}
