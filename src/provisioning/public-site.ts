/** What a server for others is started with, checked before it listens: TLS, a token, and the name it is called by. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { fingerprintGroups } from '../client/server-certificate.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import type { PublicSite } from './exposure.ts';
import { isLoopback } from './http/host-check.ts';

/** The shortest token that opens a server for others, in characters. */
export const MIN_TOKEN_LENGTH = 32;

/** Addresses that stand for all of a machine: no link can name them. */
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);

export interface PublicOptions {
  /** Paths of PEM files: the certificate, with its chain behind it, and its key. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** What links and endpoints say; default the address that is listened on. */
  readonly publicUrl?: string;
  /** Opens everything; chosen by whoever runs the server. */
  readonly token?: string;
}

export interface PublicServing {
  readonly tls: { readonly cert: string; readonly key: string };
  readonly token: string;
  readonly site: PublicSite;
  /** Of the certificate, SHA-256: what a teacher tells learners where nobody else vouches for it. */
  readonly fingerprint: string;
  /** Tells where it listens, for a site without a name of its own. */
  listensAt(url: string): void;
}

/**
 * Undefined for a loopback address, which needs none of this.
 * @throws InvalidInputError naming what is missing or wrong, and what to do
 */
export async function readPublicServing(host: string, options: PublicOptions): Promise<PublicServing | undefined> {
  if (isLoopback(host)) {
    refuseForLoopback(host, options);
    return undefined;
  }
  const { tlsCert, tlsKey, token } = options;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new InvalidInputError(
      `Others can reach ${host}, so the control plane has to speak TLS there: give --tls-cert and --tls-key. ` +
        'For this machine alone use 127.0.0.1, ::1 or localhost.',
      { path: 'host' },
    );
  }
  if (token === undefined || token.length < MIN_TOKEN_LENGTH) {
    throw new InvalidInputError(
      `Others can reach ${host}, so you choose the token that opens the control plane: at least ${MIN_TOKEN_LENGTH} characters ` +
        'in the environment variable CARAPACE_TOKEN, such as "openssl rand -hex 32" prints.',
      { path: 'token' },
    );
  }
  const tls = await readTls(tlsCert, tlsKey);
  const name = publicName(host, options.publicUrl);
  let url = name ?? '';
  const site = { url: () => url, certificate: pinnedBy(tls.cert) };
  // As learners are shown it: people compare the two.
  const fingerprint = fingerprintGroups(tls.cert).replaceAll('\n', ' ');
  return { tls, token, site, fingerprint, listensAt: (listening) => (url = name ?? called(host, listening)) };
}

function refuseForLoopback(host: string, { tlsCert, tlsKey, publicUrl }: PublicOptions): void {
  const given = Object.entries({ '--tls-cert': tlsCert, '--tls-key': tlsKey, '--public-url': publicUrl });
  const [name] = given.find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  throw new InvalidInputError(
    `${name} is for an address that others can reach, and nobody else reaches ${host}. Give --host, or leave it out.`,
    { path: name.slice(2) },
  );
}

/** The address in links; undefined for the one that is listened on. */
function publicName(host: string, given: string | undefined): string | undefined {
  if (given === undefined) {
    if (!ANY_ADDRESS.has(host)) return undefined;
    const message = `${host} is every address of this machine: say by --public-url which one others use, such as https://class.example.org:8080.`;
    throw new InvalidInputError(message, { path: 'public-url' });
  }
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol === 'https:' && url.search === '' && url.hash === '' && url.username === '') {
    return given.replace(/\/+$/, '');
  }
  throw new InvalidInputError(
    `"${given}" is not valid for --public-url: it is an address such as https://class.example.org.`,
    { path: 'public-url' },
  );
}

/** The address that is listened on, by the name that was given for it: the certificate is that name's. */
function called(host: string, listening: string): string {
  if (isIP(host) !== 0) return listening;
  const { port } = new URL(listening);
  return `https://${host.toLowerCase()}${port === '' ? '' : `:${port}`}`;
}

async function readTls(certPath: string, keyPath: string): Promise<{ cert: string; key: string }> {
  const cert = await readPem(certPath, '--tls-cert');
  const key = await readPem(keyPath, '--tls-key');
  const certificate = parse(() => new X509Certificate(cert), certPath, 'certificate');
  const privateKey = parse(() => createPrivateKey(key), keyPath, 'private key without a passphrase');
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new InvalidInputError(`The key ${keyPath} is not that of the certificate ${certPath}.`, { path: 'tls-key' });
  }
  if (certificate.validToDate.getTime() <= Date.now()) {
    const since = certificate.validToDate.toISOString();
    throw new InvalidInputError(`The certificate ${certPath} is not valid since ${since}. Renew it.`, {
      path: 'tls-cert',
    });
  }
  return { cert, key };
}

async function readPem(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new InvalidInputError(
      `The file ${path} of ${option} cannot be read (${reason}).`,
      { path: option.slice(2) },
      { cause },
    );
  }
}

function parse<T>(read: () => T, path: string, what: string): T {
  try {
    return read();
  } catch (cause) {
    throw new InvalidInputError(`${path} is no ${what} in PEM.`, { path }, { cause });
  }
}

/** What clients have to pin: a certificate that nobody else vouches for. */
function pinnedBy(cert: string): string | undefined {
  const certificate = new X509Certificate(cert);
  const isOwn = certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
  return isOwn ? certificate.toString() : undefined;
}
