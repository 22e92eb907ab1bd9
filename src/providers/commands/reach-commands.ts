/** Commands that reach the server: its address, an SSH terminal, Remote-SSH. */
import { homedir } from 'node:os';
import type * as vscode from 'vscode';
import { REMOTE_DATA_FOLDER, type Cluster } from '../../protocol/cluster.ts';
import { NotRunningError } from '../../protocol/errors.ts';
import { serverStatusText } from '../model/cluster-row.ts';
import { withNextStep } from '../model/problem.ts';
import { providesRemoteSsh, remoteAuthority, remoteExtensionFor } from '../model/remote-ssh.ts';
import { parseServerTarget, type ServerTarget } from './arguments.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { CommandHandlers } from './register.ts';
import { startServer } from './server-commands.ts';
import { requireServer, whileAsking, type ServerParts } from './server-parts.ts';

type ReachCommandId =
  'carapace.copyIp' | 'carapace.copySshCommand' | 'carapace.openRemote' | 'carapace.openServerTerminal';

export function reachCommands(parts: ServerParts): Pick<CommandHandlers, ReachCommandId> {
  return {
    'carapace.copyIp': () => copyIp(parts),
    'carapace.copySshCommand': () => copySshCommand(parts),
    'carapace.openRemote': (argument) => openRemote(parts, parseServerTarget(argument)),
    'carapace.openServerTerminal': () => openTerminal(parts),
  };
}

async function copyIp(parts: ServerParts): Promise<Outcome> {
  const { ip } = await requireServer(parts);
  const t = parts.vs.l10n.t;
  if (ip === null) throw notRunning(parts, t('The server has no address now: it does not run.'));
  return copy(parts, ip);
}

async function copySshCommand(parts: ServerParts): Promise<Outcome> {
  const cluster = await requireServer(parts);
  return copy(parts, `ssh ${hostOf(cluster)}`);
}

async function copy({ vs }: ServerParts, text: string): Promise<Outcome> {
  await vs.env.clipboard.writeText(text);
  void vs.window.showInformationMessage(vs.l10n.t('"{0}" is in the clipboard.', text));
  return ok(text);
}

/** The name that the SSH configuration knows the server by. */
function hostOf(cluster: Cluster): string {
  return cluster.ssh_host ?? cluster.name;
}

function notRunning({ service }: ServerParts, message: string): NotRunningError {
  const { cluster } = service.state;
  return new NotRunningError(message, cluster?.status === 'stopped' ? withNextStep('startServer') : undefined);
}

/** The server with a fresh SSH entry that answers; one that is stopped is started first. Undefined where nobody wants that. */
async function reachable(parts: ServerParts): Promise<Cluster | undefined> {
  const { vs, service } = parts;
  const t = vs.l10n.t;
  const cluster = await requireServer(parts);
  if (cluster.status === 'stopped') {
    const yes = t('Start Server');
    const question = t('{0} is stopped. Start it first?', cluster.name);
    if ((await vs.window.showInformationMessage(question, { modal: true }, yes)) !== yes) return undefined;
    if ((await startServer(parts)).status !== 'ok') return undefined;
  } else if (cluster.status !== 'running') {
    const status = serverStatusText(cluster.status, t);
    throw notRunning(parts, t('{0} does not run now: {1}. Wait until it runs.', cluster.name, status));
  }
  const title = t('Trying the SSH connection to {0}', cluster.name);
  const prepared = await whileAsking(parts, title, (client, signal) => client.prepareSsh(signal));
  service.tellCluster(prepared);
  return prepared;
}

async function openTerminal(parts: ServerParts): Promise<Outcome> {
  const cluster = await reachable(parts);
  if (cluster === undefined) return CANCELLED;
  showSshTerminal(parts.vs, hostOf(cluster));
  return ok(`ssh ${hostOf(cluster)}`);
}

/** A terminal of this machine, also in a window that is open on another one: the SSH entry and the key are here. */
function showSshTerminal(vs: typeof vscode, host: string): void {
  const terminal = vs.window.createTerminal({
    name: host,
    shellPath: 'ssh',
    shellArgs: [host],
    cwd: vs.Uri.file(homedir()),
    iconPath: new vs.ThemeIcon('remote'),
  });
  terminal.show();
}

async function openRemote(parts: ServerParts, target: ServerTarget): Promise<Outcome> {
  const { vs } = parts;
  const cluster = await reachable(parts);
  if (cluster === undefined) return CANCELLED;
  const host = hostOf(cluster);
  const provided = vs.extensions.all.some(({ id, packageJSON }) => providesRemoteSsh(id, packageJSON));
  if (!provided && !(await installRemoteSsh(vs, host))) return CANCELLED;
  const path = target.folder ?? REMOTE_DATA_FOLDER;
  const uri = vs.Uri.from({ scheme: 'vscode-remote', authority: remoteAuthority(host), path });
  await vs.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: true });
  return ok(uri.toString());
}

/** Offers the extension that is missing, or a plain terminal. @returns whether it is there now */
async function installRemoteSsh(vs: typeof vscode, host: string): Promise<boolean> {
  const t = vs.l10n.t;
  const id = remoteExtensionFor(vs.env.appName);
  const install = t('Install It');
  const terminal = t('Open a Terminal Instead');
  const question = t('No extension for Remote-SSH is installed here. Install {0}?', id);
  const chosen = await vs.window.showInformationMessage(question, install, terminal);
  if (chosen === terminal) showSshTerminal(vs, host);
  if (chosen !== install) return false;
  await vs.commands.executeCommand('workbench.extensions.installExtension', id);
  return true;
}
