/** Workshops as people name them. */
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { InvalidInputError, NotFoundError } from '../protocol/errors.ts';
import type { Workshop } from '../protocol/workshop.ts';

/**
 * The workshop with this id, or else with this name.
 * @throws NotFoundError; InvalidInputError naming the ids where several have the name
 */
export async function findWorkshop(
  client: Pick<ControlPlaneClient, 'listWorkshops'>,
  idOrName: string,
  signal: AbortSignal,
): Promise<Workshop> {
  const workshops = await client.listWorkshops(signal);
  const byId = workshops.find(({ id }) => id === idOrName);
  if (byId !== undefined) return byId;
  const named = workshops.filter(({ name }) => name === idOrName);
  const [only, ...others] = named;
  if (only === undefined) {
    throw new NotFoundError(`There is no workshop "${idOrName}". "carapace workshop list" shows what there is.`);
  }
  if (others.length === 0) return only;
  const ids = named.map(({ id }) => id);
  throw new InvalidInputError(
    `${ids.length} workshops are called "${idOrName}". Name one of them by its id: ${ids.join(', ')}.`,
    { path: 'workshop', ids },
  );
}
