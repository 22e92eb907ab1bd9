/** Commands on the tools behind the server: check and install SkyPilot; and on its autostop. */
import { homedir } from 'node:os';
import { AUTOSTOP_MINUTES } from '../../protocol/cluster.ts';
import { InvalidInputError } from '../../protocol/errors.ts';
import { checkLines, checkSentence } from '../model/cloud-check.ts';
import { formatMinutes } from '../../client/format.ts';
import { autostopText } from '../model/server-details.ts';
import { configuredSkyPath } from '../server/settings.ts';
import { parseServerTarget, type ServerTarget } from './arguments.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { CommandHandlers } from './register.ts';
import { requireTools } from './server-commands.ts';
import { requireServer, whileAsking, type ServerParts } from './server-parts.ts';

type ToolCommandId = 'carapace.checkTools' | 'carapace.installSky' | 'carapace.changeAutostop';

export function toolCommands(parts: ServerParts): Pick<CommandHandlers, ToolCommandId> {
  return {
    'carapace.checkTools': () => checkTools(parts),
    'carapace.installSky': () => installSky(parts),
    'carapace.changeAutostop': (argument) => changeAutostop(parts, parseServerTarget(argument)),
  };
}

async function check(parts: ServerParts) {
  const skyPath = configuredSkyPath(parts.vs);
  const title = parts.vs.l10n.t('Asking SkyPilot which clouds can be used');
  const found = await whileAsking(parts, title, (client, signal) => client.checkCluster(skyPath, signal));
  for (const line of checkLines(found)) parts.log.info(line);
  return found;
}

async function checkTools(parts: ServerParts): Promise<Outcome> {
  const { vs } = parts;
  const found = await check(parts);
  requireTools(parts, found);
  void tellTools(vs, checkSentence(found, vs.l10n.t));
  return ok(found);
}

async function tellTools(vs: ServerParts['vs'], sentence: string): Promise<void> {
  const showLog = vs.l10n.t('Show Log');
  if ((await vs.window.showInformationMessage(sentence, showLog)) === showLog)
    await vs.commands.executeCommand('carapace.showLog');
}

/** Runs the command for this machine in a terminal, where a person sees what it does and can stop it. */
async function installSky(parts: ServerParts): Promise<Outcome> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const { install_command: command, sky_version: version } = await check(parts);
  if (command === null) {
    void vs.window.showInformationMessage(t('SkyPilot {0} is installed already.', version ?? ''));
    return ok(null);
  }
  const terminal = vs.window.createTerminal({ name: t('Install SkyPilot'), cwd: vs.Uri.file(homedir()) });
  terminal.show();
  terminal.sendText(command);
  return ok(command);
}

/** The choices in minutes; 0 for never. */
const CHOICES = [15, 30, 60, 120, 240, 480, 0];

async function changeAutostop(parts: ServerParts, target: ServerTarget): Promise<Outcome> {
  const cluster = await requireServer(parts);
  const minutes = target.minutes ?? (await pickMinutes(parts, cluster.autostop_minutes));
  if (minutes === undefined) return CANCELLED;
  const title = parts.vs.l10n.t('Changing the autostop of {0}', cluster.name);
  const changed = await whileAsking(parts, title, (client, signal) => client.setAutostop(minutes, signal));
  parts.service.tellCluster(changed);
  return ok(changed);
}

async function pickMinutes({ vs }: ServerParts, now: number | null): Promise<number | undefined> {
  const t = vs.l10n.t;
  const other = { label: t('Another time…'), description: '', minutes: undefined };
  const items = CHOICES.map((minutes) => ({
    label: minutes === 0 ? t('Never') : t('After {0} without use', formatMinutes(minutes, t)),
    description: minutes === now ? t('now') : '',
    minutes,
  }));
  const placeHolder = t('When does the server stop by itself? Now: {0}.', autostopText(now ?? 0, t));
  const chosen = await vs.window.showQuickPick([...items, other], { placeHolder });
  if (chosen === undefined || chosen.minutes !== undefined) return chosen?.minutes;
  const text = await vs.window.showInputBox({
    prompt: t('After how many minutes without use? 0 for never.'),
    validateInput: (value) =>
      minutesOf(value) === undefined ? t('A whole number up to {0}.', AUTOSTOP_MINUTES.max) : '',
  });
  if (text === undefined) return undefined;
  const minutes = minutesOf(text);
  if (minutes === undefined) throw new InvalidInputError(t('"{0}" is no number of minutes.', text));
  return minutes;
}

function minutesOf(text: string): number | undefined {
  const minutes = /^\d+$/.test(text.trim()) ? Number(text.trim()) : Number.NaN;
  return minutes <= AUTOSTOP_MINUTES.max ? minutes : undefined;
}
