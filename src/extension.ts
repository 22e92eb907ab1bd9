/** The extension's composition root: builds the parts, registers them, and disposes them. */
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Connection } from './client/connection.ts';
import { ControlPlaneClient } from './client/control-plane.ts';
import { stateFolder } from './lib/state-folder.ts';
import { connectionCommands } from './providers/commands/connection-commands.ts';
import { Context, type ContextKeys } from './providers/commands/context-keys.ts';
import { Picker } from './providers/commands/pick.ts';
import { playbookCommand } from './providers/commands/playbook-command.ts';
import { reachCommands } from './providers/commands/reach-commands.ts';
import { registerCommands } from './providers/commands/register.ts';
import { seatCommands } from './providers/commands/seat-commands.ts';
import { serverCommands } from './providers/commands/server-commands.ts';
import { toolCommands } from './providers/commands/tool-commands.ts';
import { vaultCommands } from './providers/commands/vault-commands.ts';
import { workshopCommands } from './providers/commands/workshop-commands.ts';
import { configuredSource, localSource } from './providers/connection-source.ts';
import { ControlPlaneService } from './providers/control-plane-service.ts';
import { Disposer } from './providers/disposer.ts';
import { SeatFileSystem } from './providers/files/seat-file-system.ts';
import { shownStatus } from './providers/model/cluster-row.ts';
import { isStale } from './providers/model/connection-status.ts';
import type { WorkshopsNode } from './providers/model/nodes.ts';
import { SEAT_SCHEME } from './providers/model/seat-uri.ts';
import { workshopOf, type ModelState } from './providers/model/state.ts';
import { OperationRunner } from './providers/operation-runner.ts';
import { Problems } from './providers/problems.ts';
import { SeatAccess } from './providers/seat-access.ts';
import { Secrets } from './providers/secrets.ts';
import { ActivityTeller } from './providers/server/activity.ts';
import { warnBeforeStop } from './providers/server/stop-warning.ts';
import { syncOnSave } from './providers/server/sync-on-save.ts';
import { VaultFolders } from './providers/server/vault-folders.ts';
import { SeatTerminals } from './providers/terminal/seat-terminals.ts';
import { ActivityView } from './providers/views/activity-view.ts';
import { ServerView } from './providers/views/server-view.ts';
import { createStatusBar } from './providers/views/status-bar.ts';
import { WorkshopsView } from './providers/views/workshops-view.ts';
import { watchConnection } from './providers/watch-connection.ts';

/** What {@link activate} returns, for tests in the extension host. */
export interface CarapaceApi {
  /** What the views show at this moment. */
  readonly state: () => ModelState;
  /** How the extension stands with its control plane. */
  readonly connection: () => ControlPlaneService['status'];
  /** A context key as it was set last. */
  readonly context: (key: keyof ContextKeys) => unknown;
  /** The rows of the Server view, as it hands them to VS Code. */
  readonly serverRows: ServerView['getChildren'];
  readonly serverRow: ServerView['getTreeItem'];
}

/** Registers everything before any I/O; looking for the control plane comes last, and starts none. */
export function activate(context: vscode.ExtensionContext): CarapaceApi {
  const vs = vscode;
  const parts = new Disposer();
  context.subscriptions.push(parts);

  const log = parts.add(vs.window.createOutputChannel('Carapace', { log: true }));
  const problems = new Problems(vs, log);
  const service = parts.add(createService(context, log));
  const access = new SeatAccess({
    client: (signal) => service.current(signal),
    endpoint: (workshopId) => workshopOf(service.state, workshopId)?.endpoint,
  });
  const terminals = parts.add(new SeatTerminals({ vs, access, memory: context.workspaceState }));
  const files = parts.add(
    new SeatFileSystem({ vs, withFiles: (workshop, seat, work) => access.withFiles(workshop, seat, work) }),
  );
  parts.add(vs.workspace.registerFileSystemProvider(SEAT_SCHEME, files, { isCaseSensitive: true }));

  const vaults = parts.add(new VaultFolders(vs, service, log));
  const server = parts.add(new ServerView(vs, service, vaults));
  const workshops = parts.add(new WorkshopsView(vs, service));
  parts.add(new ActivityView(vs, service));
  parts.add(createStatusBar(vs, service));

  const operations = parts.add(new OperationRunner(vs, service, log));
  const picker = new Picker(vs, service);
  const reveal = (node: WorkshopsNode) => workshops.reveal(node);
  const list = (workshop: string, seat: number) => (path: string) =>
    access.withFiles(workshop, seat, (seatFiles) => seatFiles.list(path));
  const serverParts = { vs, service, operations, vaults, log };
  const handlers = {
    ...serverCommands(serverParts),
    ...vaultCommands({ ...serverParts, showVault: (vault) => server.reveal(vault) }),
    ...reachCommands(serverParts),
    ...toolCommands(serverParts),
    ...playbookCommand(vs, join(context.extensionPath, 'dist', 'cli.cjs')),
    ...workshopCommands({ vs, service, operations, picker, reveal }),
    ...seatCommands({ vs, operations, picker, terminals, list }),
    ...connectionCommands({ vs, service, picker, log }),
  };
  parts.add(registerCommands(vs, handlers, (error, runAgain) => problems.show(error, runAgain)));

  const keys = new Context(vs);
  parts.add(service.onDidChange(() => keys.set(contextOf(service))));
  parts.add(service.onDidChange(() => !isStale(service.status) && terminals.update(service.state)));
  const activity = parts.add(new ActivityTeller(vs, service, log));
  parts.add(warnBeforeStop(vs, service, () => activity.insist()));
  parts.add(syncOnSave({ vs, service, vaults, onError: (error) => problems.show(error) }));
  parts.add(watchConnection(vs, service, stateFolder()));
  service.start();
  return {
    state: () => service.state,
    connection: () => service.status,
    context: (key) => keys.get(key),
    serverRows: (node) => server.getChildren(node),
    serverRow: (node) => server.getTreeItem(node),
  };
}

function contextOf({ state, status }: ControlPlaneService): ContextKeys {
  return { 'carapace.connection': status.kind, 'carapace.serverStatus': shownStatus(state.cluster, status.kind) };
}

/** The service over the control plane of this machine, or over the one that the settings name. */
function createService(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): ControlPlaneService {
  const { window, workspace, l10n } = vscode;
  const t = l10n.t;
  const warning = t('The key store of this system does not work: Carapace keeps the token until this window closes.');
  const secrets = new Secrets(context.secrets, log, () => void window.showWarningMessage(warning));
  const askToken = (title: string) =>
    window.showInputBox({ title, prompt: t('The token of this control plane'), password: true, ignoreFocusOut: true });
  const local = localSource(stateFolder(), join(context.extensionPath, 'dist', 'cli.cjs'));
  const source = () => {
    const url = workspace.getConfiguration('carapace').get('controlPlane.url', '').trim();
    return url === '' ? local : configuredSource({ url, secrets, askToken, t });
  };
  const connect = (connection: Connection) => new ControlPlaneClient(connection);
  return new ControlPlaneService({ changed: new vscode.EventEmitter<void>(), source, connect, log, t });
}
