/** The control plane of this machine, for a command that needs one. */
import { join } from 'node:path';
import { ensureControlPlane, findControlPlane, isStartedByHand, type FoundControlPlane } from '../client/daemon.ts';
import type { Outdated } from '../client/outdated.ts';
import { stateFolder } from '../lib/state-folder.ts';
import { VERSION } from '../lib/version.ts';
import { writeLine, type CliIo } from './io.ts';

/** Finds or starts it. Where it is of an older version, a line says so; with `json`, which says nothing else, none. */
export async function ownControlPlane(io: CliIo, json: boolean, signal: AbortSignal): Promise<FoundControlPlane> {
  const program = join(io.programFolder, 'cli.cjs');
  const found = await ensureControlPlane({ stateFolder: stateFolder(io.environment), program, signal });
  if (found.outdated !== undefined && !json) await writeLine(io.stderr, outdatedLine(found.outdated));
  return found;
}

/**
 * Where the one that runs now ends: what asks for the next one. It is started, but where a person has started this one: the
 * state folder that another holds would keep that one from starting again. Answers undefined while there is none.
 */
export async function successor(io: CliIo): Promise<(signal: AbortSignal) => Promise<FoundControlPlane | undefined>> {
  const folder = stateFolder(io.environment);
  const byHand = await isStartedByHand(folder);
  // An older version was told of already.
  return (signal) => (byHand ? findControlPlane(folder, signal) : ownControlPlane(io, true, signal));
}

function outdatedLine({ version, background }: Outdated): string {
  const what = `carapace: the control plane that runs is of version ${version}, and this is ${VERSION}.`;
  return background
    ? `${what} It is used as it is while something runs, and replaced by the first command after that.`
    : `${what} It was started by hand, so it is used as it is: end it and start it again to renew it.`;
}
