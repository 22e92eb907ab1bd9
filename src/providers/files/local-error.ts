/** What this machine's own disk says, as errors with a sentence. */
import type * as vscode from 'vscode';
import { CarapaceError, DiskFullError, ForbiddenError } from '../../protocol/errors.ts';

/** The typed error for an error of the operating system; any other comes back as it is. */
export function localError({ l10n }: Pick<typeof vscode, 'l10n'>, error: unknown): unknown {
  if (error instanceof CarapaceError || !(error instanceof Error) || !('code' in error)) return error;
  const t = l10n.t;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : '';
  const options = { cause: error };
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new DiskFullError(t('The disk of this machine is full. Make room, and try again.'), undefined, options);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ForbiddenError(t('"{0}" must not be read or changed on this machine.', path), undefined, options);
    default:
      return typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)
        ? new ForbiddenError(
            t('"{0}" cannot be read or written on this machine: {1}.', path, error.code),
            undefined,
            options,
          )
        : error;
  }
}
