/** Looks at the certificate of a server before anything is told to it: what a person is asked about, and what is pinned then. */
import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import type { Translate } from './translate.ts';
import { REASON, UnreachableError, unreachableSentence } from './unreachable.ts';

const DEADLINE_MS = 10_000;
/** Groups of four digits that stand in one line of a fingerprint. */
const GROUPS_IN_LINE = 8;

/** `certificate` is the PEM to pin; undefined where the system trusts the server, or it speaks plain HTTP. */
export interface ServerIdentity {
  readonly certificate: string | undefined;
}

/**
 * Tells whether a server needs its certificate pinned. Only a self-signed one can be: another one that is not trusted
 * is a mistake of its owner, or somebody else's server. One that is out of date is not asked about: pinned it would open
 * nothing.
 * @throws UnreachableError in the person's language, where it cannot be reached, or its certificate is neither trusted
 * nor self-signed, or out of date
 */
export async function inspectServer(url: string, t: Translate, signal?: AbortSignal): Promise<ServerIdentity> {
  const { protocol, host } = new URL(url);
  if (protocol !== 'https:') return { certificate: undefined };
  const refuse = (reason: string, options?: ErrorOptions): never => {
    throw new UnreachableError(unreachableSentence(reason, host, t), reason, options);
  };
  const socket = await handshake(url, signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    return refuse(reasonOf(cause), { cause });
  });
  try {
    if (socket.authorized) return { certificate: undefined };
    const certificate = socket.getPeerX509Certificate();
    // Typed as an error, but a code.
    if (certificate === undefined || !isSelfSigned(certificate)) return refuse(String(socket.authorizationError));
    const now = Date.now();
    if (certificate.validToDate.getTime() <= now) return refuse('CERT_HAS_EXPIRED');
    if (certificate.validFromDate.getTime() > now) return refuse('CERT_NOT_YET_VALID');
    return { certificate: certificate.toString() };
  } finally {
    socket.destroy();
  }
}

/** A certificate's SHA-256 fingerprint in groups that two people can compare: `A1B2 C3D4 …`, eight in a line. */
export function fingerprintGroups(certificate: string): string {
  const digits = new X509Certificate(certificate).fingerprint256.replaceAll(':', '');
  const groups = digits.match(/.{4}/g) ?? [];
  const lines: string[] = [];
  for (let at = 0; at < groups.length; at += GROUPS_IN_LINE)
    lines.push(groups.slice(at, at + GROUPS_IN_LINE).join(' '));
  return lines.join('\n');
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

/** Nothing is sent over it but the handshake. */
async function handshake(url: string, signal: AbortSignal | undefined): Promise<TLSSocket> {
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const ended = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const socket = connect({ host, port: port === '' ? 443 : Number(port), rejectUnauthorized: false, ...servername });
  const abort = (): unknown => socket.destroy(ended.reason as Error);
  ended.addEventListener('abort', abort);
  try {
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.on('error', reject);
      socket.once('close', () => reject(new Error('closed')));
    });
    return socket;
  } catch (cause) {
    socket.destroy();
    throw cause;
  } finally {
    ended.removeEventListener('abort', abort);
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === 'TimeoutError') return REASON.late;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
