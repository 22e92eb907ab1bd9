/** How a learner stands with a workshop that they have joined, and what it means for them. Pure. */
import type { LearnerView } from '../../protocol/access.ts';
import type { CarapaceError } from '../../protocol/errors.ts';
import type { CarapaceEvent } from '../../protocol/event.ts';
import { seatSubject, workshopSubject } from '../../protocol/operation.ts';
import { formatMoment } from '../format.ts';
import type { Translate } from '../translate.ts';
import { certificateProblem, UnreachableError } from '../unreachable.ts';

/**
 * `connecting`: the first look is under way. `joined`: what is shown is true. `stale`: the server is out of reach since then
 * (milliseconds since 1970). For good: `freed`, the seat is not theirs any more; `gone`, the workshop was deleted; `unknown`,
 * one of these two; `expired`, the token is too old.
 */
export type LearnerStatus =
  | { readonly kind: 'connecting' | 'joined' | 'freed' | 'gone' | 'unknown' | 'expired' }
  | { readonly kind: 'stale'; readonly since: number; readonly error: CarapaceError };

export type LearnerKind = LearnerStatus['kind'];

const FOR_GOOD: readonly LearnerKind[] = ['freed', 'gone', 'unknown', 'expired'];

/** Whether no waiting mends it. */
export function isOver({ kind }: LearnerStatus): boolean {
  return FOR_GOOD.includes(kind);
}

/** What keeps a server out of reach that no waiting mends: `other`, it shows another certificate than when it was joined. */
export type CertificateTrouble = 'other' | 'expired' | 'early';

/** Undefined where the certificate is not what is wrong. */
export function certificateTrouble(error: unknown): CertificateTrouble | undefined {
  const problem = error instanceof UnreachableError ? certificateProblem(error.reason) : undefined;
  return problem === 'name' || problem === 'unknown' ? 'other' : problem;
}

/** What an event changes: another view, an end, or nothing. */
export type LearnerChange = LearnerView | 'gone' | 'freed' | undefined;

/** @param view what was known before */
export function learnerChange(view: LearnerView, event: CarapaceEvent): LearnerChange {
  const { resource, subject } = event;
  if (resource === undefined) return undefined;
  const { workshop, seat } = view;
  if ('deleted' in resource) return subject === workshopSubject(workshop.id) ? 'gone' : undefined;
  if ('workshop' in resource && resource.workshop.id === workshop.id) return { ...view, workshop: resource.workshop };
  if (!('seat' in resource) || subject !== seatSubject(workshop.id, seat.seat)) return undefined;
  if (resource.seat.learner === null) return 'freed';
  return { ...view, seat: resource.seat, name: resource.seat.learner };
}

/** When a token (a JWT) ends, in milliseconds since 1970; undefined where it does not say. It is not checked here. */
export function tokenEnd(token: string): number | undefined {
  try {
    const [, claims = ''] = token.split('.');
    const { exp } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

/** The sentence about it; undefined where all is well. @param locale how times are written; as this machine does unless told */
export function learnerSentence(
  status: LearnerStatus,
  workshop: string,
  now: number,
  t: Translate,
  locale?: string,
): string | undefined {
  switch (status.kind) {
    case 'joined':
      return undefined;
    case 'connecting':
      return t('Connecting to "{0}".', workshop);
    case 'stale':
      return staleSentence(status, workshop, t, now, locale);
    case 'freed':
      return t('Your teacher has freed your seat in "{0}". Join again to take another one.', workshop);
    case 'gone':
      return t('"{0}" was deleted, and your seat with it.', workshop);
    case 'unknown':
      return t('"{0}" does not know you any more: your seat was freed, or the workshop was deleted.', workshop);
    case 'expired':
      return t('Your place in "{0}" has expired. Join again with the same link to come back to your seat.', workshop);
  }
}

function staleSentence(
  { error, since }: Extract<LearnerStatus, { kind: 'stale' }>,
  workshop: string,
  t: Translate,
  now: number,
  locale?: string,
): string {
  switch (certificateTrouble(error)) {
    case 'other':
      return t(
        'The server of "{0}" shows another certificate than when you joined. Join again if your teacher says that it was changed.',
        workshop,
      );
    case 'expired':
      return t('The certificate of the server of "{0}" has expired. Tell your teacher.', workshop);
    case 'early':
      return t('The certificate of the server of "{0}" is not valid yet. Check the clock of this machine.', workshop);
    case undefined:
      return t('"{0}" cannot be reached since {1}; trying again.', workshop, formatMoment(since, now, locale));
  }
}
