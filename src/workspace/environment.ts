/** What a learner's programs see of the environment that the server was started in. */
import { existsSync } from 'node:fs';
import { cleanEnvironment } from '../lib/child-environment.ts';

/** Secrets by their usual names, in case one was left where the server was started. */
const SECRET = /TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_KEY|API_KEY/i;
/** What concerns the server itself; `CARAPACE_SEAT` marks the seat's processes and stays. */
const OWN = /^(CARAPACE_(?!SEAT$)|NODE_|npm_|SOCKET_DIR$|IMAGES_DIR$)/;
/** What systemd tells the service that it starts. */
const SERVICE = /^(NOTIFY_SOCKET|INVOCATION_ID|JOURNAL_STREAM|LISTEN_.*|SYSTEMD_.*)$/;
/** Of a terminal or shell that the server was started from; `BASH_ENV` and `ENV` would run code in every shell. */
const TERMINAL = /^(TMUX|TMUX_PANE|STY|WINDOW|WINDOWID|TERMCAP|COLUMNS|LINES|PWD|OLDPWD|SHLVL|_|BASH_ENV|ENV)$/;

const HIDDEN = [SECRET, OWN, SERVICE, TERMINAL];

/** The environment of shells and commands: HOME is the workspace, and text is UTF-8 where nothing else is said. */
export function workspaceEnvironment(
  home: string,
  shell: string,
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const kept = Object.entries(cleanEnvironment(environment)).filter(
    ([name]) => !HIDDEN.some((hidden) => hidden.test(name)),
  );
  const result: Record<string, string> = { ...Object.fromEntries(kept), HOME: home, SHELL: shell };
  const hasLocale = ['LC_ALL', 'LC_CTYPE', 'LANG'].some((name) => (result[name] ?? '') !== '');
  if (!hasLocale) result['LANG'] = 'C.UTF-8';
  return result;
}

/** For programs in a terminal: what the terminal understands. */
export function terminalEnvironment(environment: Record<string, string>): Record<string, string> {
  return { ...environment, TERM: 'xterm-256color', COLORTERM: 'truecolor' };
}

/** The shell that a seat uses where none is named. */
export function defaultShell(): string {
  return existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh';
}
