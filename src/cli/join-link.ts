/** What somebody was given to join with: a link, or a code. */
import { InvalidInputError } from '../protocol/errors.ts';
import { normaliseCode } from '../protocol/names.ts';

export interface JoinLink {
  /** The server's address; undefined where only a code was given. */
  readonly server: string | undefined;
  readonly code: string;
}

/** Reads `https://SERVER/join#CODE`, or a code. @throws InvalidInputError */
export function parseJoinLink(text: string): JoinLink {
  const trimmed = text.trim();
  const code = normaliseCode(trimmed);
  if (code !== undefined) return { server: undefined, code };
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  const linked = url === undefined ? undefined : normaliseCode(decodeFragment(url.hash));
  const isLink = url !== undefined && /^https?:$/.test(url.protocol) && /\/join\/?$/.test(url.pathname);
  if (!isLink || linked === undefined) {
    throw new InvalidInputError('That is no join link such as https://SERVER/join#ABCD-2345, and no code.', {
      path: 'link',
    });
  }
  return { server: url.origin + url.pathname.replace(/\/join\/?$/, ''), code: linked };
}

function decodeFragment(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return '';
  }
}
