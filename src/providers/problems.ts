/** Tells errors: one sentence with buttons that do the next thing; the log has the whole. */
import type * as vscode from 'vscode';
import { CarapaceError } from '../protocol/errors.ts';
import type { CommandId } from './commands/command-ids.ts';
import { nextSteps, problemSentence, settingOf, type NextStep } from './model/problem.ts';

const STEP_COMMAND: Record<
  Exclude<NextStep, 'retry'>,
  { id: CommandId | 'workbench.action.openSettings'; argument?: string }
> = {
  connect: { id: 'carapace.retryConnection' },
  create: { id: 'carapace.createWorkshop' },
  join: { id: 'carapace.join' },
  start: { id: 'carapace.startWorkshop' },
  install: { id: 'carapace.installSky' },
  checkAgain: { id: 'carapace.checkTools' },
  destroyServer: { id: 'carapace.destroyServer' },
  startServer: { id: 'carapace.startServer' },
  launchServer: { id: 'carapace.launchServer' },
  syncVaults: { id: 'carapace.syncVaults' },
  showLog: { id: 'carapace.showLog' },
  openSettings: { id: 'workbench.action.openSettings', argument: 'carapace.controlPlane.url' },
};

export class Problems {
  readonly #vs: Pick<typeof vscode, 'commands' | 'l10n' | 'window'>;
  readonly #log: Pick<vscode.LogOutputChannel, 'error'>;

  constructor(vs: Pick<typeof vscode, 'commands' | 'l10n' | 'window'>, log: Pick<vscode.LogOutputChannel, 'error'>) {
    this.#vs = vs;
    this.#log = log;
  }

  /** Shows an error and returns at once. Without `retry` there is no such button. */
  show(error: unknown, retry?: () => void): void {
    this.#log.error(describe(error));
    void this.#ask(error, retry);
  }

  async #ask(error: unknown, retry: (() => void) | undefined): Promise<void> {
    const t = this.#vs.l10n.t;
    const titles: Record<NextStep, string> = {
      retry: t('Try Again'),
      connect: t('Connect Again'),
      create: t('Create a Workshop'),
      join: t('Join a Workshop'),
      start: t('Start Workshop'),
      install: t('Install'),
      checkAgain: t('Check Again'),
      destroyServer: t('Destroy Server'),
      startServer: t('Start Server'),
      launchServer: t('Launch Server'),
      syncVaults: t('Sync Vaults'),
      showLog: t('Show Log'),
      openSettings: t('Open Settings'),
    };
    const steps = nextSteps(error).filter((step) => step !== 'retry' || retry !== undefined);
    const items = steps.map((step) => ({ title: titles[step], step }));
    const chosen = await this.#vs.window.showErrorMessage(problemSentence(error, t), ...items);
    if (chosen === undefined) return;
    if (chosen.step === 'retry') return retry?.();
    const { id, argument } = STEP_COMMAND[chosen.step];
    await this.#vs.commands.executeCommand(id, argument === undefined ? undefined : (settingOf(error) ?? argument));
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof CarapaceError)) return error.stack ?? error.message;
  const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
  return `${error.code}: ${error.message}${request}`;
}
