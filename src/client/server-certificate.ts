/** Looks at the certificate of a server before anything is told to it: what a person is asked about, and what is pinned then. */
import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { UnavailableError } from '../protocol/errors.ts';

const DEADLINE_MS = 10_000;
/** Groups of four digits that stand in one line of a fingerprint. */
const GROUPS_IN_LINE = 8;

/** `certificate` is the PEM to pin; undefined where the system trusts the server, or it speaks plain HTTP. */
export interface ServerIdentity {
  readonly certificate: string | undefined;
}

/**
 * Tells whether a server needs its certificate pinned. Only a self-signed one can be: another one that is not trusted
 * is a mistake of its owner, or somebody else's server.
 * @throws UnavailableError where it cannot be reached, or its certificate is neither trusted nor self-signed
 */
export async function inspectServer(url: string, signal?: AbortSignal): Promise<ServerIdentity> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return { certificate: undefined };
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = await handshake(host, port === '' ? 443 : Number(port), signal);
  try {
    if (socket.authorized) return { certificate: undefined };
    const certificate = socket.getPeerX509Certificate();
    if (certificate !== undefined && isSelfSigned(certificate)) return { certificate: certificate.toString() };
    // Typed as an error, but a code.
    const reason = String(socket.authorizationError);
    throw new UnavailableError(
      `The certificate of ${hostname} is not valid (${reason}). Check the link, or ask your teacher for another one.`,
    );
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
async function handshake(host: string, port: number, signal: AbortSignal | undefined): Promise<TLSSocket> {
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const ended = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const socket = connect({ host, port, rejectUnauthorized: false, ...servername });
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
    signal?.throwIfAborted();
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : (cause as Error).message;
    throw new UnavailableError(
      `The server at ${host} cannot be reached (${reason}). Check the link and the network.`,
      undefined,
      { cause },
    );
  } finally {
    ended.removeEventListener('abort', abort);
  }
}
