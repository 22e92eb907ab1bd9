/** Commands that launch, start, stop and destroy the server. */
import type { Cluster, ClusterCheck, LaunchCluster, LaunchPlan, Offer } from '../../protocol/cluster.ts';
import {
  AlreadyRunningError,
  errorFromInfo,
  infoFromError,
  NoCredentialsError,
  SkyNotInstalledError,
} from '../../protocol/errors.ts';
import { SERVER_FLAGS, serverStatusText } from '../model/cluster-row.ts';
import { noCloudSentence } from '../model/cloud-check.ts';
import { withNextStep } from '../model/problem.ts';
import { destroyLosses, launchDetail, launchQuestion, leftovers } from '../model/server-texts.ts';
import { configuredLaunch } from '../server/settings.ts';
import { parseServerTarget, type ServerTarget } from './arguments.ts';
import { askForServer } from './launch-dialog.ts';
import { CANCELLED, isAbort, type Outcome } from './outcome.ts';
import type { CommandHandlers } from './register.ts';
import { requireServer, runMindingChanges, whileAsking, type ServerParts } from './server-parts.ts';

type ServerCommandId =
  'carapace.launchServer' | 'carapace.startServer' | 'carapace.stopServer' | 'carapace.destroyServer';

export function serverCommands(parts: ServerParts): Pick<CommandHandlers, ServerCommandId> {
  return {
    'carapace.launchServer': (argument) => launch(parts, parseServerTarget(argument)),
    'carapace.startServer': () => startServer(parts),
    'carapace.stopServer': (argument) => stop(parts, parseServerTarget(argument)),
    'carapace.destroyServer': (argument) => destroy(parts, parseServerTarget(argument)),
  };
}

async function launch(parts: ServerParts, target: ServerTarget): Promise<Outcome> {
  refuseSecond(parts);
  await parts.vaults.look();
  const wish = { ...configuredLaunch(parts.vs), vaults: parts.vaults.launchPaths(), ...target.launch };
  if (target.confirmed === true) return runLaunch(parts, wish);
  const chosen = await askAbout(parts, wish);
  if (chosen === undefined || !(await confirmLaunch(parts, chosen))) return CANCELLED;
  return runLaunch(parts, chosen);
}

/** The control plane refuses a second server as well; here nobody is asked four questions before. */
function refuseSecond({ vs, service }: ServerParts): void {
  const { cluster } = service.state;
  if (cluster === undefined || SERVER_FLAGS[cluster.status].includes('launchable')) return;
  const t = vs.l10n.t;
  const status = serverStatusText(cluster.status, t);
  throw new AlreadyRunningError(
    t('There is a server already: {0} ({1}). Carapace has one at a time.', cluster.name, status),
    cluster.status === 'stopped' ? withNextStep('startServer') : undefined,
  );
}

/** Checks that SkyPilot and a cloud can be used, then asks what is to be launched. */
async function askAbout(parts: ServerParts, wish: LaunchCluster): Promise<LaunchCluster | undefined> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const open: LaunchCluster = { ...wish, cloud: null, region: null, instance_type: null };
  const known = new Map<string | null, readonly Offer[]>();
  const fetched = async (cloud: string | null, title: string) =>
    whileAsking(parts, title, (client, signal) => client.listOffers({ ...open, cloud }, signal));
  const offers = async (cloud: string | null): Promise<readonly Offer[]> => {
    const found = known.get(cloud) ?? (await fetched(cloud, t('Asking for the prices of {0}', cloud ?? '')));
    known.set(cloud, found);
    return found;
  };
  const clouds = await whileAsking(parts, t('Asking SkyPilot which clouds can be used'), async (client, signal) => {
    const [check, all] = await Promise.allSettled([
      client.checkCluster(wish.sky_path, signal),
      client.listOffers(open, signal),
    ]);
    if (check.status === 'rejected') throw check.reason;
    requireTools(parts, check.value);
    // Without prices a server can be launched all the same.
    known.set(null, all.status === 'fulfilled' ? all.value : []);
    return check.value.enabled_clouds;
  });
  return askForServer(vs, { wish, clouds, offers });
}

/** @throws SkyNotInstalledError, NoCredentialsError naming each cloud and its reason */
export function requireTools({ vs }: Pick<ServerParts, 'vs'>, check: ClusterCheck): void {
  const t = vs.l10n.t;
  if (!check.sky_installed)
    throw new SkyNotInstalledError(check.reason ?? t('SkyPilot not installed. Install it, then launch again.'));
  if (check.enabled_clouds.length === 0) throw new NoCredentialsError(noCloudSentence(check, t));
}

async function confirmLaunch(parts: ServerParts, wish: LaunchCluster): Promise<boolean> {
  const t = parts.vs.l10n.t;
  const plan: LaunchPlan = await whileAsking(parts, t('Looking what it would cost'), (client, signal) =>
    client.planCluster(wish, signal),
  );
  const yes = t('Launch');
  const options = { modal: true, detail: launchDetail(wish, plan, t) };
  return (await parts.vs.window.showInformationMessage(launchQuestion(wish, plan, t), options, yes)) === yes;
}

/** Launches; where that fails or is cancelled, what is left is said, with a button that destroys it. */
async function runLaunch(parts: ServerParts, wish: LaunchCluster): Promise<Outcome> {
  const { vs, operations } = parts;
  const title = vs.l10n.t('Launching {0}', wish.name ?? 'carapace-node');
  try {
    const outcome = await operations.run(title, async (client) => ({ operation: await client.launchCluster(wish) }));
    if (outcome.status === 'cancelled') void offerDestroy(parts);
    return outcome;
  } catch (error) {
    if (isAbort(error)) throw error;
    const left = await whatIsLeft(parts);
    if (left === undefined) throw error;
    const info = infoFromError(error);
    const details = { ...info.details, ...withNextStep('destroyServer') };
    throw errorFromInfo({ ...info, message: `${firstLine(info.message)} ${left}`, details });
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? '';
}

async function whatIsLeft({ vs, service }: ServerParts): Promise<string | undefined> {
  await service.refresh();
  const { cluster } = service.state;
  return cluster === undefined ? undefined : leftovers(cluster, vs.l10n.t);
}

async function offerDestroy(parts: ServerParts): Promise<void> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const left = await whatIsLeft(parts);
  if (left === undefined) {
    void vs.window.showInformationMessage(t('The launch was cancelled. Nothing is left of it.'));
    return;
  }
  const yes = t('Destroy Server');
  const chosen = await vs.window.showWarningMessage(t('The launch was cancelled. {0}', left), yes);
  if (chosen === yes) await vs.commands.executeCommand('carapace.destroyServer');
}

/** Starts the server that is stopped, and waits until it runs. */
export async function startServer(parts: ServerParts): Promise<Outcome> {
  const cluster = await requireServer(parts);
  const title = parts.vs.l10n.t('Starting {0}', cluster.name);
  return parts.operations.run(title, async (client) => ({ operation: await client.startCluster() }));
}

async function stop(parts: ServerParts, target: ServerTarget): Promise<Outcome> {
  const cluster = await requireServer(parts);
  const t = parts.vs.l10n.t;
  const question = {
    question: t('Files were changed on {0} since the last sync. Stop it?', cluster.name),
    otherwise: t('They stay on its disk until the next start or sync puts the files of this machine over them.'),
    discard: t('Stop Without Copying'),
    anyway: t('Stop Anyway'),
  };
  return runMindingChanges(parts, t('Stopping {0}', cluster.name), target, question, (client, server_changes) =>
    client.stopCluster({ server_changes }),
  );
}

async function destroy(parts: ServerParts, target: ServerTarget): Promise<Outcome> {
  const cluster = await requireServer(parts);
  const t = parts.vs.l10n.t;
  if (target.confirmed !== true && !(await confirmDestroy(parts, cluster))) return CANCELLED;
  const question = {
    question: t('Files were changed on {0} since the last sync. Destroy it?', cluster.name),
    otherwise: t('They are lost with the server unless they are copied here first.'),
    discard: t('Destroy and Discard Them'),
    anyway: t('Destroy Anyway'),
  };
  return runMindingChanges(parts, t('Destroying {0}', cluster.name), target, question, (client, server_changes) =>
    client.destroyCluster({ server_changes }),
  );
}

async function confirmDestroy({ vs }: ServerParts, cluster: Cluster): Promise<boolean> {
  const t = vs.l10n.t;
  const yes = t('Destroy');
  const options = { modal: true, detail: destroyLosses(cluster, t) };
  return (await vs.window.showWarningMessage(t('Destroy {0}?', cluster.name), options, yes)) === yes;
}
