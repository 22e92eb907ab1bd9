/** What the commands on the server share. */
import type * as vscode from 'vscode';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import type { Cluster, ServerChanges as Answer } from '../../protocol/cluster.ts';
import { NotFoundError } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { hasServer } from '../model/cluster-row.ts';
import { withNextStep } from '../model/problem.ts';
import { changesText, serverChangesOf, type ServerChanges } from '../model/server-texts.ts';
import type { OperationRunner } from '../operation-runner.ts';
import type { VaultFolders } from '../server/vault-folders.ts';
import type { ServerTarget } from './arguments.ts';
import { CANCELLED, type Outcome } from './outcome.ts';

export interface ServerParts {
  readonly vs: typeof vscode;
  readonly service: ControlPlaneService;
  readonly operations: OperationRunner;
  readonly vaults: VaultFolders;
  readonly log: Pick<vscode.LogOutputChannel, 'info'>;
}

/** The server as it is known, asked for where it is not. @throws NotFoundError where there is none */
export async function requireServer({ vs, service }: ServerParts): Promise<Cluster> {
  if (service.state.cluster === undefined) await service.connected();
  const { cluster } = service.state;
  if (cluster !== undefined && hasServer(cluster.status)) return cluster;
  throw new NotFoundError(vs.l10n.t('There is no server. Launch one first.'), withNextStep('launchServer'));
}

/** Does something that takes a few seconds under a notification with Cancel. @throws an AbortError at Cancel */
export async function whileAsking<T>(
  { vs, service }: Pick<ServerParts, 'vs' | 'service'>,
  title: string,
  work: (client: ControlPlaneClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const options = { location: vs.ProgressLocation.Notification, title, cancellable: true };
  return vs.window.withProgress(options, async (_progress, token) => {
    const asked = new AbortController();
    const cancelling = token.onCancellationRequested(() => asked.abort());
    try {
      return await work(await service.connected(asked.signal), asked.signal);
    } finally {
      cancelling.dispose();
    }
  });
}

/** How it is asked what becomes of files that were changed on the server. */
interface ChangesQuestion {
  readonly question: string;
  /** What happens to the files where nothing is done for them. */
  readonly otherwise: string;
  readonly discard: string;
  /** The button where nobody can look at the server. */
  readonly anyway: string;
}

/**
 * Runs an operation that may be refused because of files that were changed on the server, and asks what becomes of them.
 * A caller that has confirmed without saying so gets the refusal.
 */
export async function runMindingChanges(
  { vs, operations }: ServerParts,
  title: string,
  target: ServerTarget,
  question: ChangesQuestion,
  begin: (client: ControlPlaneClient, changes: Answer) => Promise<Operation>,
): Promise<Outcome> {
  const run = (changes: Answer) =>
    operations.run(title, async (client) => ({ operation: await begin(client, changes) }));
  const first = target.server_changes ?? 'refuse';
  try {
    return await run(first);
  } catch (error) {
    const changes = serverChangesOf(error);
    if (changes === undefined || first !== 'refuse' || target.confirmed === true) throw error;
    const answer = await askForChanges(vs, question, changes);
    return answer === undefined ? CANCELLED : run(answer);
  }
}

async function askForChanges(
  vs: Pick<typeof vscode, 'window' | 'l10n'>,
  { question, otherwise, discard, anyway }: ChangesQuestion,
  changes: ServerChanges,
): Promise<Answer | undefined> {
  const t = vs.l10n.t;
  const keep = t('Keep Them (copy here first)');
  const detail = `${changesText(changes, t)}\n\n${otherwise}`;
  const buttons = changes === 'unknown' ? [anyway] : [keep, discard];
  const chosen = await vs.window.showWarningMessage(question, { modal: true, detail }, ...buttons);
  if (chosen === undefined) return undefined;
  return chosen === keep ? 'keep' : 'discard';
}
