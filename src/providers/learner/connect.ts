/** Where the server of a joined workshop is. */
import { ControlPlaneClient } from '../../client/control-plane.ts';
import { findControlPlane } from '../../client/daemon.ts';
import { UnavailableError } from '../../protocol/errors.ts';
import type { Translate } from '../../client/translate.ts';
import type { Joined } from './joined-seat.ts';
import type { LearnerSessionOptions } from './learner-session.ts';

/**
 * Finds a joined workshop's server: the one of this machine by its state folder. Starts none: whoever is a learner only
 * needs no control plane. Clients are kept, with their connections, as long as their address and token stay.
 */
export function learnerConnector(stateFolder: string, t: Translate): LearnerSessionOptions['connect'] {
  const clients = new WeakMap<Joined, { readonly url: string; readonly client: ControlPlaneClient }>();
  return async (record, signal) => {
    const url = record.server ?? (await findControlPlane(stateFolder, signal))?.url;
    if (url === undefined) {
      throw new UnavailableError(t('Carapace is not running on this machine. Open its view and connect again.'));
    }
    const kept = clients.get(record);
    if (kept?.url === url) return kept.client;
    const pinned = record.certificate === undefined ? {} : { certificate: record.certificate };
    const client = new ControlPlaneClient({ url, token: record.seat.learner_token, ...pinned });
    clients.set(record, { url, client });
    return client;
  };
}
