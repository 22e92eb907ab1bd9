/** What somebody is given to join with: a link for browsers, one for editors, or a code alone. */
import { InvalidInputError } from './errors.ts';
import { normaliseCode, showCode } from './names.ts';

export interface JoinLink {
  /** The server's address; undefined where only a code was given. */
  readonly server: string | undefined;
  readonly code: string;
  /** In a personal link: leads back to the seat that its owner has taken. It is as good as a password. */
  readonly rejoinCode: string | undefined;
}

/** The authority of links that lead to the extension: its id, see https://code.visualstudio.com/api/references/vscode-api#window.registerUriHandler. */
export const EXTENSION_ID = 'carapace.carapace';

const REJOIN_CODE = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Reads `https://SERVER/join#CODE`, `vscode://carapace.carapace/join?server=…#CODE`, or a code. Behind the code, after a
 * dot, a personal link has its rejoin code.
 * @throws InvalidInputError
 */
export function parseJoinLink(text: string): JoinLink {
  const trimmed = text.trim();
  const code = normaliseCode(trimmed);
  if (code !== undefined) return { server: undefined, code, rejoinCode: undefined };
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  const server = url === undefined ? undefined : serverOf(url);
  const fragment = url === undefined ? undefined : parseFragment(url.hash);
  if (server === undefined || fragment === undefined) {
    throw new InvalidInputError('That is no join link such as https://SERVER/join#ABCD-2345, and no code.', {
      path: 'link',
    });
  }
  return { server, ...fragment };
}

/** The link to hand out; with a rejoin code, the link that its owner keeps. */
export function formatJoinLink(server: string, code: string, rejoinCode?: string): string {
  return `${server.replace(/\/+$/, '')}/join#${formatFragment(code, rejoinCode)}`;
}

/** The query and the fragment of the link that opens an editor; its scheme is that of the editor (`env.uriScheme`). */
export function editorLinkParts(
  server: string,
  code: string,
  rejoinCode?: string,
): { query: string; fragment: string } {
  return { query: `server=${encodeURIComponent(server)}`, fragment: formatFragment(code, rejoinCode) };
}

function formatFragment(code: string, rejoinCode: string | undefined): string {
  return rejoinCode === undefined ? showCode(code) : `${showCode(code)}.${rejoinCode}`;
}

/** The address of the server; undefined where the link is none of ours. */
function serverOf(url: URL): string | undefined {
  if (!/\/join\/?$/.test(url.pathname)) return undefined;
  if (/^https?:$/.test(url.protocol)) return url.origin + url.pathname.replace(/\/join\/?$/, '');
  const named = url.host.toLowerCase() === EXTENSION_ID ? url.searchParams.get('server') : null;
  const isServer = named !== null && URL.canParse(named) && /^https?:$/.test(new URL(named).protocol);
  return isServer ? named.replace(/\/+$/, '') : undefined;
}

function parseFragment(hash: string): { code: string; rejoinCode: string | undefined } | undefined {
  const [typed = '', rejoinCode, ...more] = decode(hash.slice(1)).split('.');
  const code = normaliseCode(typed);
  const wellFormed = more.length === 0 && (rejoinCode === undefined || REJOIN_CODE.test(rejoinCode));
  return code !== undefined && wellFormed ? { code, rejoinCode } : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
