/** The extension's composition root: builds the parts, registers them, and disposes them. */
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Connection } from './client/connection.ts';
import { ControlPlaneClient } from './client/control-plane.ts';
import { stateFolder } from './lib/state-folder.ts';
import type { Seat } from './protocol/workshop.ts';
import { connectionCommands } from './providers/commands/connection-commands.ts';
import { Context, type ContextKeys } from './providers/commands/context-keys.ts';
import { fileCommands } from './providers/commands/file-commands.ts';
import { joinCommands } from './providers/commands/join-commands.ts';
import { Picker } from './providers/commands/pick.ts';
import { playbookCommand } from './providers/commands/playbook-command.ts';
import { reachCommands } from './providers/commands/reach-commands.ts';
import { registerCommands } from './providers/commands/register.ts';
import { rosterCommands } from './providers/commands/roster-commands.ts';
import { seatCommands } from './providers/commands/seat-commands.ts';
import { serverCommands } from './providers/commands/server-commands.ts';
import { terminalCommands } from './providers/commands/terminal-commands.ts';
import { toolCommands } from './providers/commands/tool-commands.ts';
import { vaultCommands } from './providers/commands/vault-commands.ts';
import { workshopCommands } from './providers/commands/workshop-commands.ts';
import { configuredSource, localSource } from './providers/connection-source.ts';
import { ControlPlaneService } from './providers/control-plane-service.ts';
import { Disposer } from './providers/disposer.ts';
import { SeatFileSystem } from './providers/files/seat-file-system.ts';
import { learnerConnector } from './providers/learner/connect.ts';
import { isJoinedKey, JoinedStore } from './providers/learner/joined-store.ts';
import { KnownServers } from './providers/learner/known-servers.ts';
import type { LearnerSession } from './providers/learner/learner-session.ts';
import { Learners } from './providers/learner/learners.ts';
import { ownName } from './providers/learner/own-name.ts';
import { placeOf } from './providers/learner/place.ts';
import { joinUriHandler } from './providers/learner/uri-handler.ts';
import { shownStatus } from './providers/model/cluster-row.ts';
import { isStale } from './providers/model/connection-status.ts';
import { isOver } from './providers/model/learner-status.ts';
import type { WorkshopsNode } from './providers/model/nodes.ts';
import { SEAT_SCHEME } from './providers/model/seat-uri.ts';
import { seatOf, workshopOf, type ModelState } from './providers/model/state.ts';
import { OperationRunner } from './providers/operation-runner.ts';
import { tellOutdated } from './providers/outdated.ts';
import { Problems } from './providers/problems.ts';
import { SeatAccess } from './providers/seat-access.ts';
import { Secrets } from './providers/secrets.ts';
import { ActivityTeller } from './providers/server/activity.ts';
import { warnBeforeStop } from './providers/server/stop-warning.ts';
import { syncOnSave } from './providers/server/sync-on-save.ts';
import { VaultFolders } from './providers/server/vault-folders.ts';
import { SeatTerminals } from './providers/terminal/seat-terminals.ts';
import { registerTerminalProfile } from './providers/terminal/terminal-profile.ts';
import { ActivityView } from './providers/views/activity-view.ts';
import { ServerView } from './providers/views/server-view.ts';
import { SeatFilesDrag } from './providers/views/seat-files-drag.ts';
import { SeatFilesTree } from './providers/views/seat-files-tree.ts';
import { createStatusBar } from './providers/views/status-bar.ts';
import { WorkshopsView } from './providers/views/workshops-view.ts';
import { watchConnection } from './providers/watch-connection.ts';

/** What {@link activate} returns, for tests in the extension host. */
export interface CarapaceApi {
  /** What the views show at this moment. */
  readonly state: () => ModelState;
  /** The workshops that were joined with this editor. */
  readonly learners: () => readonly LearnerSession[];
  /** How the extension stands with its control plane. */
  readonly connection: () => ControlPlaneService['status'];
  /** A context key as it was set last. */
  readonly context: (key: keyof ContextKeys) => unknown;
  /** The rows of the Server view, as it hands them to VS Code. */
  readonly serverRows: ServerView['getChildren'];
  readonly serverRow: ServerView['getTreeItem'];
  /** Those of the Workshops view. */
  readonly workshopRows: WorkshopsView['getChildren'];
  readonly workshopRow: WorkshopsView['getTreeItem'];
}

/** Registers everything before any I/O; looking for the control plane comes last, and starts none. */
export function activate(context: vscode.ExtensionContext): CarapaceApi {
  const vs = vscode;
  const parts = new Disposer();
  context.subscriptions.push(parts);

  const log = parts.add(vs.window.createOutputChannel('Carapace', { log: true }));
  const problems = new Problems(vs, log);
  const secrets = createSecrets(context, log);
  const service = parts.add(createService(context, secrets, log));
  const store = new JoinedStore(secrets);
  const learners = parts.add(createLearners(store, log));
  const access = new SeatAccess({
    client: (signal) => service.current(signal),
    endpoint: (workshopId) =>
      learners.of(workshopId)?.view?.workshop.endpoint ?? workshopOf(service.state, workshopId)?.endpoint,
    joined: async (workshopId, seat) => {
      // Editors of seats' files are there again before it is known whose seats they are.
      await learners.whenLoaded();
      const session = learnerOf(service, learners, workshopId, seat);
      return session && ((signal) => session.access(signal));
    },
  });
  const terminals = parts.add(new SeatTerminals({ vs, access, memory: context.workspaceState }));
  const files = parts.add(
    new SeatFileSystem({ vs, withFiles: (workshop, seat, work) => access.withFiles(workshop, seat, work) }),
  );
  parts.add(vs.workspace.registerFileSystemProvider(SEAT_SCHEME, files, { isCaseSensitive: true }));

  const vaults = parts.add(new VaultFolders(vs, service, log));
  const server = parts.add(new ServerView(vs, service, vaults));
  const transfers = { vs, files, withFiles: access.withFiles.bind(access) };
  const tree = parts.add(new SeatFilesTree(vs, files));
  const drag = new SeatFilesDrag({ ...transfers, onError: (error) => problems.show(error) });
  const workshops = parts.add(new WorkshopsView(vs, service, learners, tree, drag));
  parts.add(new ActivityView(vs, service));
  parts.add(createStatusBar(vs, service));

  const operations = parts.add(new OperationRunner(vs, service, log));
  const picker = new Picker(vs, service, learners);
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
    ...rosterCommands({ vs, service, operations, picker, terminals }),
    ...joinCommands({
      vs,
      store,
      learners,
      known: new KnownServers(context.globalState),
      connect: (connection) => new ControlPlaneClient(connection),
      isOwnElsewhere: (id, url) => workshopOf(service.state, id) !== undefined && service.url !== url,
      place: (address, signal) => placeOf({ service, configured: configuredUrl, t: vs.l10n.t }, address, signal),
      proposeName: ownName,
      enter: ({ workshopId, seat, view }: LearnerSession) => {
        workshops.reveal({ kind: 'mySeat', workshop: workshopId, seat });
        return view && terminals.show(workshopId, view.seat);
      },
      // Whoever teaches there keeps them.
      exit: ({ workshopId, seat }) =>
        terminals.update((workshop, number) =>
          workshop === workshopId && number === seat ? (seatOf(service.state, workshop, number) ?? 'gone') : undefined,
        ),
      t: vs.l10n.t,
    }),
    ...seatCommands({ vs, operations, picker, terminals, list }),
    ...terminalCommands({ vs, picker, terminals }),
    ...fileCommands({ ...transfers, picker, tree, list }),
    ...connectionCommands({ vs, service, learners, picker, log }),
  };
  parts.add(registerCommands(vs, handlers, (error, runAgain) => problems.show(error, runAgain)));
  parts.add(registerTerminalProfile({ vs, picker, terminals, onError: (error) => problems.show(error) }));

  parts.add(
    vs.window.registerUriHandler(
      joinUriHandler((argument) => void vs.commands.executeCommand('carapace.join', argument)),
    ),
  );

  const keys = new Context(vs);
  const changed = () => {
    keys.set({ ...contextOf(service), 'carapace.hasJoined': learners.all.length > 0 });
    terminals.update((workshop, seat) => knownSeat(service, learners, workshop, seat));
  };
  parts.add(service.onDidChange(changed));
  parts.add(learners.onDidChange(changed));
  // Its own control plane has come or gone: a workshop that was joined there may be in reach again.
  parts.add(onceLive(service, () => learners.poke()));
  parts.add(vs.window.onDidChangeWindowState(({ focused }) => focused && learners.poke()));
  parts.add(context.secrets.onDidChange(({ key }) => isJoinedKey(key) && void learners.load()));
  const activity = parts.add(new ActivityTeller(vs, service, log));
  parts.add(warnBeforeStop(vs, service, () => activity.insist()));
  parts.add(syncOnSave({ vs, service, vaults, onError: (error) => problems.show(error) }));
  parts.add(watchConnection(vs, service, stateFolder()));
  parts.add(tellOutdated(vs, service));
  service.start();
  void learners.load();
  return {
    state: () => service.state,
    learners: () => learners.all,
    connection: () => service.status,
    context: (key) => keys.get(key),
    serverRows: (node) => server.getChildren(node),
    serverRow: (node) => server.getTreeItem(node),
    workshopRows: (node) => workshops.getChildren(node),
    workshopRow: (node) => workshops.getTreeItem(node),
  };
}

/** Calls each time when the control plane has come into reach. */
function onceLive(service: ControlPlaneService, live: () => void): vscode.Disposable {
  let was = service.status.kind;
  return service.onDidChange(() => {
    const { kind } = service.status;
    if (kind === 'live' && was !== 'live') live();
    was = kind;
  });
}

function contextOf({ state, status }: ControlPlaneService): Partial<ContextKeys> {
  return {
    'carapace.connection': status.kind,
    'carapace.serverStatus': shownStatus(state.cluster, status.kind),
    'carapace.hasWorkshops': state.workshops.size > 0,
  };
}

/** Who has joined a seat with this editor. Where that is over and the same editor teaches there, it is the teacher's. */
function learnerOf(
  { state }: ControlPlaneService,
  learners: Learners,
  workshopId: string,
  number: number,
): LearnerSession | undefined {
  const session = learners.ofSeat(workshopId, number);
  const isLost = session !== undefined && isOver(session.status);
  return isLost && seatOf(state, workshopId, number) !== undefined ? undefined : session;
}

/** A seat by what is known of it: as its learner, else as the teacher; undefined where that cannot be told now. */
function knownSeat(
  service: ControlPlaneService,
  learners: Learners,
  workshopId: string,
  number: number,
): Seat | 'gone' | undefined {
  const { state, status } = service;
  const joined = learnerOf(service, learners, workshopId, number);
  const seat = joined?.view?.seat ?? seatOf(state, workshopId, number);
  if (seat !== undefined) return seat;
  const mayBeJoined = !learners.isLoaded || learners.ofSeat(workshopId, number) !== undefined;
  return mayBeJoined || isStale(status) ? undefined : 'gone';
}

function createSecrets(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Secrets {
  const { window, l10n } = vscode;
  const warning = l10n.t(
    'The key store of this system does not work: Carapace keeps tokens and joined seats until this window closes.',
  );
  return new Secrets(context.secrets, log, () => void window.showWarningMessage(warning));
}

function createLearners(store: JoinedStore, log: vscode.LogOutputChannel): Learners {
  const t = vscode.l10n.t;
  const connect = learnerConnector(stateFolder(), t);
  return new Learners({ changed: new vscode.EventEmitter<void>(), store, connect, log, t });
}

/** The address of the control plane that the settings name; '' for the one of this machine. */
function configuredUrl(): string {
  return vscode.workspace.getConfiguration('carapace').get('controlPlane.url', '').trim();
}

/** The service over the control plane of this machine, or over the one that the settings name. */
function createService(
  context: vscode.ExtensionContext,
  secrets: Secrets,
  log: vscode.LogOutputChannel,
): ControlPlaneService {
  const { window, l10n } = vscode;
  const t = l10n.t;
  const askToken = (title: string) =>
    window.showInputBox({ title, prompt: t('The token of this control plane'), password: true, ignoreFocusOut: true });
  const local = localSource(stateFolder(), join(context.extensionPath, 'dist', 'cli.cjs'));
  const source = () => {
    const url = configuredUrl();
    return url === '' ? local : configuredSource({ url, secrets, askToken, t });
  };
  const connect = (connection: Connection) => new ControlPlaneClient(connection);
  return new ControlPlaneService({ changed: new vscode.EventEmitter<void>(), source, connect, log, t });
}
