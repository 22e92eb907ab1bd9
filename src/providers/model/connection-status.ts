/** How the extension stands with its control plane, and what it says about it. Pure. */
import type { Outdated } from '../../client/outdated.ts';
import type { CarapaceError } from '../../protocol/errors.ts';
import { formatMoment } from '../../client/format.ts';
import type { Translate } from '../../client/translate.ts';

/**
 * `searching`: the first look is under way. `absent`: none runs, and none ever ran here. `asleep`: none runs, but one
 * has left its store. `starting`: one is being started. `live`: what is shown is true. `locked`: it wants a token.
 * `lost`: it was there and went away at `since` (milliseconds since 1970). `broken`: it never answered.
 */
export type ConnectionStatus =
  | { readonly kind: 'searching' | 'absent' | 'asleep' | 'starting' | 'live' | 'locked' }
  | { readonly kind: 'lost'; readonly since: number; readonly error: CarapaceError | undefined }
  | { readonly kind: 'broken'; readonly error: CarapaceError };

export type ConnectionKind = ConnectionStatus['kind'];

/** Whether a tree that is shown may be out of date. */
export function isStale(status: ConnectionStatus): boolean {
  return status.kind !== 'live';
}

/** The sentence over a tree that is out of date; undefined where it is true. An empty tree has its welcome instead. */
export function staleMessage(status: ConnectionStatus, now: number, t: Translate): string | undefined {
  switch (status.kind) {
    case 'live':
      return undefined;
    case 'searching':
    case 'starting':
      return t('Connecting to Carapace. Shown is the last known state.');
    case 'absent':
    case 'asleep':
      return t('Carapace is not running. Shown is the last known state; "Connect Again" above starts it.');
    case 'locked':
      return t('The control plane wants its token. Shown is the last known state; "Connect Again" above asks for it.');
    case 'lost':
      return t(
        'The connection was lost at {0}. Shown is the last known state; trying again.',
        formatMoment(status.since, now),
      );
    case 'broken':
      return t('The control plane does not answer. Shown is the last known state; trying again.');
  }
}

/** What is said, once, of a control plane that is older than the extension. @param own the extension's version */
export function outdatedMessage({ version, background }: Outdated, own: string, t: Translate): string {
  return background
    ? t(
        'Carapace {0} is still at work here. It is used as it is, and {1} takes its place once nothing runs.',
        version,
        own,
      )
    : t(
        'Carapace {0} was started by hand here. It is used as it is; end it and start it again to get {1}.',
        version,
        own,
      );
}
