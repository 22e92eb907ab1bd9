/** Paths of the file API: text to names, and nothing that could lead out of the workspace. */
import { ForbiddenError } from '../../protocol/errors.ts';
import { decodePercent } from '../http/query.ts';

/** A path under the workspace folder. No name is empty, `.`, `..`, or has a slash or NUL in it. */
export interface WorkspacePath {
  /** None for the workspace folder itself. */
  readonly names: readonly string[];
  /** Whether it was written with a slash at its end, and so means a folder. */
  readonly folder: boolean;
}

/** How a path is told to clients: relative to the workspace, without a leading slash. */
export function showPath(names: readonly string[]): string {
  return names.join('/');
}

/** How a path is named in a sentence. */
export function quotePath(names: readonly string[]): string {
  return names.length === 0 ? 'The workspace folder' : `"${showPath(names)}"`;
}

/**
 * The path in a request's target, from behind `/files`; percent-encoded and as the client sent it.
 * @throws ForbiddenError where it tries to leave the workspace, InvalidInputError where its encoding is broken
 */
export function pathOfTarget(raw: string): WorkspacePath {
  if (/%2f/i.test(raw)) throw outside('an encoded slash');
  // The first slash only separates the path from `/files`.
  return toPath(raw.replace(/^\//, '').split('/').map(decodePercent));
}

/**
 * A path given as text, such as in a query. `/` alone is the workspace folder, as clients with one root call it.
 * @throws ForbiddenError where it tries to leave the workspace
 */
export function pathOfText(text: string): WorkspacePath {
  return toPath(text === '/' ? [''] : text.split('/'));
}

function toPath(parts: readonly string[]): WorkspacePath {
  if (parts.length > 1 && parts[0] === '') throw outside('an absolute path');
  if (parts.includes('..')) throw outside('".."');
  if (parts.some((part) => part.includes('\0'))) throw outside('a NUL character');
  if (parts.some((part) => part.includes('/'))) throw outside('an encoded slash');
  const names = parts.filter((part) => part !== '' && part !== '.');
  const last = parts.at(-1);
  return { names, folder: last === '' || last === '.' };
}

function outside(trick: string): ForbiddenError {
  return new ForbiddenError(`The path leaves the workspace by ${trick}. Name a path inside of it.`);
}
