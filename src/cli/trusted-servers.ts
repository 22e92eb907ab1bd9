/** Servers with a certificate of their own, which somebody at this machine has accepted: asked once, pinned from then on. */
import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { english } from '../client/english.ts';
import { fingerprintGroups, inspectServer } from '../client/server-certificate.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { isLoopback } from '../lib/loopback.ts';
import { stateFolder } from '../lib/state-folder.ts';
import { ForbiddenError, InvalidInputError, UnavailableError } from '../protocol/errors.ts';
import { canAsk, confirm } from './ask.ts';
import type { CliIo } from './io.ts';

const SHA256 = /^[0-9A-F]{64}$/;

/**
 * The certificate to pin for a server; undefined where the system trusts it, or it speaks plain HTTP.
 * @param expected the SHA-256 fingerprint that the server's owner has told, in place of a question
 * @throws ForbiddenError where the certificate is not the one that was accepted or told; InvalidInputError where nobody
 * can be asked, or where another machine would be spoken to without encryption; UnavailableError; Error where the answer
 * is no
 */
export async function trustServer(
  io: CliIo,
  url: string,
  expected: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const told = expected === undefined ? undefined : parseFingerprint(expected);
  requireEncryption(url);
  const { certificate } = await inspectServer(url, english, signal);
  if (certificate === undefined) {
    if (told === undefined) return undefined;
    const message = `The server ${url} has no certificate of its own to compare with --fingerprint. Leave that out.`;
    throw new InvalidInputError(message, { path: 'fingerprint' });
  }
  const file = join(stateFolder(io.environment), 'joined', `server-${hashOf(url)}.pem`);
  const accepted = await readAccepted(file);
  if (told !== undefined) {
    if (digits(certificate) !== told) throw refusal(url, certificate, 'than the one that --fingerprint names');
  } else if (accepted === undefined) {
    await ask(io, url, certificate, signal);
  } else if (digits(certificate) !== digits(accepted)) {
    throw refusal(url, certificate, 'than the one that was accepted on this machine');
  }
  if (accepted === undefined || digits(accepted) !== digits(certificate)) await keep(file, certificate);
  return certificate;
}

/** What a learner types and the way back to their seat go over the connection. */
function requireEncryption(url: string): void {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol !== 'http:' || isLoopback(address.hostname)) return;
  throw new InvalidInputError(
    `The link leads to ${address.host} without encryption. Ask your teacher for a link that begins with https.`,
    { path: 'link' },
  );
}

async function ask(io: CliIo, url: string, certificate: string, signal: AbortSignal): Promise<void> {
  const what = `The server ${url} is not known here, and its certificate is its own. SHA-256 fingerprint:\n${fingerprintGroups(certificate)}`;
  if (!canAsk(io)) {
    throw new InvalidInputError(
      `${what}\nCompare it with the one your teacher tells you, and give it by --fingerprint where nobody can be asked.`,
      { path: 'fingerprint' },
    );
  }
  const question = `${what}\nIs that the fingerprint that your teacher tells you? Join there?`;
  await confirm(io, question, 'Nothing was sent to the server.', signal);
}

function refusal(url: string, certificate: string, than: string): ForbiddenError {
  return new ForbiddenError(
    `The server ${url} presents another certificate ${than}, so nothing was sent to it: somebody may be in between. ` +
      `Its SHA-256 fingerprint is now\n${fingerprintGroups(certificate)}\n` +
      'Where your teacher says that this is right, join once more with it as --fingerprint.',
  );
}

function parseFingerprint(text: string): string {
  const parsed = text.replace(/[\s:]/g, '').toUpperCase();
  if (SHA256.test(parsed)) return parsed;
  throw new InvalidInputError(
    '"--fingerprint" takes the 64 digits of a SHA-256 fingerprint, with or without colons or spaces.',
    { path: 'fingerprint' },
  );
}

function digits(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256.replaceAll(':', '');
}

function hashOf(url: string): string {
  return createHash('sha256').update(new URL(url).origin).digest('hex').slice(0, 32);
}

/** A file that is damaged tells nothing: it is asked again. */
async function readAccepted(file: string): Promise<string | undefined> {
  try {
    return new X509Certificate(await readFile(file)).toString();
  } catch {
    return undefined;
  }
}

async function keep(file: string, certificate: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFileAtomic(file, certificate);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const message = `The certificate of the server cannot be kept in ${dirname(file)} (${reason}). Set CARAPACE_HOME to a folder that you may write to.`;
    throw new UnavailableError(message, undefined, { cause });
  }
}
