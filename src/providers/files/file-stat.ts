/** What a seat tells of a file, as VS Code wants to hear it. */
import type * as vscode from 'vscode';
import type { FileEntry } from '../../protocol/files.ts';

/** The write bits of a file's mode. */
const WRITE_BITS = 0o222;

export function fileStat(vs: Pick<typeof vscode, 'FilePermission' | 'FileType'>, file: FileEntry): vscode.FileStat {
  const readOnly = !file.is_directory && (Number.parseInt(file.mode, 8) & WRITE_BITS) === 0;
  const mtime = Date.parse(file.modified_at);
  const stat = { type: fileType(vs, file), ctime: mtime, mtime, size: file.size };
  return readOnly ? { ...stat, permissions: vs.FilePermission.Readonly } : stat;
}

export function fileType(
  { FileType }: Pick<typeof vscode, 'FileType'>,
  { type, is_directory: isDirectory }: FileEntry,
): vscode.FileType {
  const { Directory, File, SymbolicLink, Unknown } = FileType;
  if (type === 'symlink') return SymbolicLink | (isDirectory ? Directory : File);
  if (isDirectory) return Directory;
  return type === 'file' ? File : Unknown;
}
