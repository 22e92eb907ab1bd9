/** Conditional requests (RFC 9110, 13). */
import type { IncomingHttpHeaders } from 'node:http';
import { ChangedError, InvalidInputError } from '../../protocol/errors.ts';
import { quotePath } from './path.ts';

/** Which versions a header names; `*` is any. */
type Tags = '*' | readonly string[];

export interface Preconditions {
  readonly ifMatch: Tags | undefined;
  readonly ifNoneMatch: Tags | undefined;
}

/** @throws InvalidInputError where a header is neither `*` nor a list of ETags */
export function preconditionsOf(headers: IncomingHttpHeaders): Preconditions {
  return { ifMatch: tagsOf(headers['if-match']), ifNoneMatch: tagsOf(headers['if-none-match']) };
}

function tagsOf(header: string | undefined): Tags | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return '*';
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  const isList = header.replaceAll(/(?:W\/)?"[^"]*"/g, '').replaceAll(/[\s,]/g, '') === '';
  if (tags.length === 0 || !isList) throw new InvalidInputError('A condition of the request is neither * nor an ETag.');
  return tags;
}

function names(tags: Tags, etag: string | undefined): boolean {
  return etag !== undefined && (tags === '*' || tags.includes(etag));
}

/** Whether `If-None-Match` says that the client has this version already. Weak tags count here. */
export function isNotModified({ ifNoneMatch }: Preconditions, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch === '*' || ifNoneMatch.some((tag) => tag.replace(/^W\//, '') === etag);
}

/**
 * Refuses a change of another version than the one that it was made from.
 * @param etag the version that is there; undefined where nothing is
 * @throws ChangedError
 */
export function requireUnchanged(
  { ifMatch, ifNoneMatch }: Preconditions,
  etag: string | undefined,
  path: readonly string[],
): void {
  const what = quotePath(path);
  if (ifMatch !== undefined && !names(ifMatch, etag)) {
    const message =
      etag === undefined
        ? `${what} does not exist any more.`
        : `${what} was changed meanwhile. Read it again, then decide which version to keep.`;
    throw new ChangedError(message, { etag: etag ?? null });
  }
  if (ifNoneMatch !== undefined && names(ifNoneMatch, etag))
    throw new ChangedError(`${what} exists already.`, { etag: etag ?? null });
}
