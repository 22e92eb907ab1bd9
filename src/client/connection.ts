/** How to reach a server of ours, and how to know that it is the right one. */
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { ProcessIdentity } from '../lib/process-identity.ts';
import { InvalidInputError } from '../protocol/errors.ts';
import { REASON } from './unreachable.ts';

/**
 * `url` is the server's base address, `token` its bearer token ('' for none), `certificate` the PEM to pin. `process` is
 * the server itself, where it is of this machine: once it has ended nothing is sent, for anybody may listen there by then.
 */
export interface Connection {
  readonly url: string;
  readonly token: string;
  readonly certificate?: string;
  readonly process?: ProcessIdentity;
}

/** Whether both lead to one server, which has not been started again between them. */
export function isSameConnection(one: Connection, other: Connection): boolean {
  const [before, now] = [one.process, other.process];
  const isSameProcess = before?.pid === now?.pid && before?.start_time === now?.start_time;
  return isSameProcess && one.url === other.url && one.token === other.token && one.certificate === other.certificate;
}

/** The options of `node:tls` that trust one certificate and nothing else. */
export interface PinnedTls {
  readonly ca: string;
  readonly checkServerIdentity: (host: string, presented: PeerCertificate) => Error | undefined;
}

/**
 * What pins the certificate of a server; undefined where there is none to pin. Without TLS nothing shows a certificate, and
 * to go on would be to speak in the clear to a server that was to be proved.
 * @throws InvalidInputError where the text is no PEM certificate, or the address is not one of HTTPS
 */
export function pinnedTls(address: string, certificate: string | undefined): PinnedTls | undefined {
  if (certificate === undefined) return undefined;
  if (URL.parse(address)?.protocol === 'https:') return pinCertificate(certificate);
  throw new InvalidInputError(
    `A certificate is pinned for ${address}, but only an address that begins with https:// shows one, so nothing was ` +
      'sent to it. Join again with a link that begins with https://.',
  );
}

/**
 * Pins a certificate by its SHA-256 fingerprint. The host name is not compared: a worker has no name, and the
 * certificate came to us over a connection that is trusted already.
 * @throws InvalidInputError where the text is no PEM certificate
 */
export function pinCertificate(certificate: string): PinnedTls {
  const expected = fingerprint(certificate);
  return {
    ca: certificate,
    checkServerIdentity: (host, presented) =>
      presented.fingerprint256 === expected
        ? undefined
        : new OtherCertificateError(`${host} presents another certificate than the one that is pinned`),
  };
}

/** With a code like the errors of `node:tls` itself. */
class OtherCertificateError extends Error {
  readonly code = REASON.notPinned;
}

function fingerprint(certificate: string): string {
  try {
    return new X509Certificate(certificate).fingerprint256;
  } catch (error) {
    throw new InvalidInputError('The certificate to pin is not a PEM certificate.', undefined, { cause: error });
  }
}

/** The `Authorization` header of a connection; none without a token. */
export function authorization(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
