/** Why a server could not be spoken to, and how that is told to somebody who wants to join there. */
import { UnavailableError } from '../protocol/errors.ts';
import type { Translate } from './translate.ts';

/** Reasons of our own, beside the codes of Node.js and of TLS. */
export const REASON = {
  /** It did not answer in time. */
  late: 'NO_ANSWER',
  /** Its process has ended. */
  ended: 'ENDED',
  /** It answered, but not as a server of ours does. */
  foreign: 'NOT_OURS',
  /** It shows another certificate than the pinned one. */
  notPinned: 'CERT_NOT_PINNED',
} as const;

/** `reason` is the code of the network error, or one of {@link REASON}. */
export class UnreachableError extends UnavailableError {
  readonly reason: string;

  constructor(message: string, reason: string, options?: ErrorOptions) {
    super(message, undefined, options);
    this.reason = reason;
  }
}

/**
 * What is wrong with a certificate. `expired`, `early`: with its time. `name`: it is made out to somebody else. `unknown`:
 * nobody vouches for it, or it is another one than the pinned.
 */
export type CertificateProblem = 'expired' | 'early' | 'name' | 'unknown';

/** The codes are those of OpenSSL's X509_V_ERR_…, as `node:tls` has them. */
const CERTIFICATE_PROBLEM: Readonly<Record<string, CertificateProblem>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'early',
  ERR_TLS_CERT_ALTNAME_INVALID: 'name',
  [REASON.notPinned]: 'unknown',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown',
};

/** Undefined where the reason is not the certificate. */
export function certificateProblem(reason: string): CertificateProblem | undefined {
  return CERTIFICATE_PROBLEM[reason];
}

/** The sentence for a learner. @param host what the link calls the server, with its port */
export function unreachableSentence(reason: string, host: string, t: Translate): string {
  switch (certificateProblem(reason)) {
    case 'expired':
      return t('The certificate of {0} has expired. Check the clock of this machine, or ask your teacher.', host);
    case 'early':
      return t('The certificate of {0} is not valid yet. Check the clock of this machine, or ask your teacher.', host);
    case 'name':
      return t('The certificate of {0} is made out to another name. Check the link, or ask your teacher.', host);
    case 'unknown':
      return t('Nobody known to this machine vouches for the certificate of {0}. Ask your teacher.', host);
    case undefined:
      return networkSentence(reason, host, t);
  }
}

function networkSentence(reason: string, host: string, t: Translate): string {
  if (reason === REASON.late) return t('The server {0} does not answer. Check the link and the network.', host);
  if (reason === REASON.foreign) {
    return t('What answers at {0} is no Carapace server, or one of another version. Check the link.', host);
  }
  if (reason === 'ENOTFOUND' || reason === 'EAI_AGAIN') {
    return t('The server {0} cannot be found. Check the link and the network.', host);
  }
  // Something else than TLS, or none that is known here.
  if (/^(ERR_SSL_|EPROTO$)/.test(reason)) {
    return t('{0} does not speak HTTPS as the link says ({1}). Check the link, or ask your teacher.', host, reason);
  }
  return t('The server {0} cannot be reached ({1}). Check the link and the network.', host, reason);
}

/** Does what a learner waits for, and tells them of a server that is out of reach in their own words. */
export async function toldToLearner<T>(url: string, t: Translate, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const { reason, requestId } = error;
    const sentence = unreachableSentence(reason, new URL(url).host, t);
    const told = new UnreachableError(sentence, reason, { cause: error });
    told.requestId = requestId;
    throw told;
  }
}
