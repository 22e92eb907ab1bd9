/** Where a join link leads. */
import { InvalidInputError } from '../../protocol/errors.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { withNextStep } from '../model/problem.ts';
import type { Translate } from '../../client/translate.ts';

/** An address, and what is kept of it: null for the control plane of this machine. */
export interface JoinPlace {
  readonly server: string | null;
  readonly url: string;
}

export interface PlaceOptions {
  readonly service: Pick<ControlPlaneService, 'client' | 'url'>;
  /** The address from the settings; '' for the control plane of this machine. */
  readonly configured: () => string;
  readonly t: Translate;
}

/**
 * A code alone is one of this editor's own control plane, which is started where none runs. So is a link to it: its
 * address may be another after each start.
 * @throws InvalidInputError for a server that would get codes and names in the clear; UnavailableError
 */
export async function placeOf(
  { service, configured, t }: PlaceOptions,
  server: string | undefined,
  signal: AbortSignal,
): Promise<JoinPlace> {
  const isLocal = configured() === '';
  if (server === undefined) {
    await service.client(signal);
    const url = service.url ?? '';
    return { server: isLocal ? null : url, url };
  }
  if (isLocal && service.url === server) return { server: null, url: server };
  const { protocol, hostname, host } = new URL(server);
  if (protocol === 'https:' || isLoopback(hostname)) return { server, url: server };
  throw new InvalidInputError(
    t('The link leads to {0} without encryption. Ask your teacher for a link that begins with https.', host),
    withNextStep('retry'),
  );
}
