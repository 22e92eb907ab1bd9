/** The file system's errors as ours. */
import {
  CarapaceError,
  ConflictError,
  DiskFullError,
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  TooLargeError,
  UnavailableError,
} from '../../protocol/errors.ts';
import { quotePath } from './path.ts';

/** Why a file call conflicts with what is there, in `details.reason`. */
export type ConflictReason =
  'exists' | 'is_a_directory' | 'not_a_directory' | 'special_file' | 'inside_itself' | 'busy';

export function conflict(reason: ConflictReason, message: string): ConflictError {
  return new ConflictError(message, { reason });
}

export function notFound(names: readonly string[]): NotFoundError {
  return new NotFoundError(`${quotePath(names)} does not exist.`);
}

/** Whether an error of the file system has one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** The typed error for what the file system said about a path; what is no such error comes back as it is. */
export function fileError(error: unknown, names: readonly string[]): unknown {
  if (error instanceof CarapaceError || !(error instanceof Error) || !('code' in error)) return error;
  const what = quotePath(names);
  switch (error.code) {
    case 'ENOENT':
      return notFound(names);
    case 'ENOTDIR':
      return conflict('not_a_directory', `${what} is below something that is not a folder.`);
    case 'EISDIR':
      return conflict('is_a_directory', `${what} is a folder.`);
    case 'EEXIST':
    case 'ENOTEMPTY':
      return conflict('exists', `${what} exists already.`);
    case 'EINVAL':
      return conflict('inside_itself', `${what} cannot be put there.`);
    case 'EBUSY':
    case 'ETXTBSY':
      return conflict('busy', `${what} is in use.`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ForbiddenError(`${what} must not be read or changed: the file system forbids it.`);
    case 'ELOOP':
      return new ForbiddenError(`${what} leads through a symbolic link that cannot be followed.`);
    case 'ENAMETOOLONG':
      return new InvalidInputError(`${what} has a name that is too long for the file system.`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new DiskFullError(`The disk of this seat is full: ${what} was not written. Delete something first.`);
    case 'EFBIG':
      return new TooLargeError(`${what} would be too large for the file system.`);
    case 'EMFILE':
    case 'ENFILE':
      return new UnavailableError('This seat has too many files open. Try again in a moment.');
    default:
      return error;
  }
}
