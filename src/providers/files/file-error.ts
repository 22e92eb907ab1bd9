/** Our typed errors as VS Code's file system errors. */
import type * as vscode from 'vscode';
import { CarapaceError, type ErrorCode } from '../../protocol/errors.ts';

type Vs = Pick<typeof vscode, 'FileSystemError' | 'l10n'>;

/** What VS Code reads from an error is its code; what a person reads is the message. */
export function fileError({ FileSystemError, l10n }: Vs, error: unknown): Error {
  if (error instanceof FileSystemError) return error;
  if (!(error instanceof CarapaceError)) {
    return new FileSystemError(error instanceof Error ? error.message : String(error));
  }
  const make: Partial<Record<ErrorCode, (message: string) => vscode.FileSystemError>> = {
    NOT_FOUND: (message) => FileSystemError.FileNotFound(message),
    FORBIDDEN: (message) => FileSystemError.NoPermissions(message),
    UNAUTHORIZED: (message) => FileSystemError.NoPermissions(message),
    CONFLICT: (message) => FileSystemError.FileExists(message),
    NOT_RUNNING: (message) => FileSystemError.Unavailable(message),
    UNAVAILABLE: (message) => FileSystemError.Unavailable(message),
    TIMED_OUT: (message) => FileSystemError.Unavailable(message),
    CHANGED: () => new FileSystemError(changedMessage(l10n)),
  };
  return make[error.code]?.(error.message) ?? new FileSystemError(error.message);
}

/** What to say where a save would overwrite somebody else's change. */
export function changedMessage(l10n: Pick<typeof vscode.l10n, 't'>): string {
  return l10n.t(
    'The file was changed in the seat since it was opened here, and nothing was saved. Revert to see that change, or save under another name to keep both.',
  );
}
