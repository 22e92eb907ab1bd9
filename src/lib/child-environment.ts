/** The environment of the processes that Carapace starts. */

/** Switches of an editor that is built on Electron: they change what a child process is. */
const EDITOR_VARIABLE = /^(ELECTRON_|VSCODE_|CODE_SERVER_|CHROME_DESKTOP$|NODE_OPTIONS$|NODE_CHANNEL_)/;

/** This process's environment without what an editor put there for itself. */
export function cleanEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !EDITOR_VARIABLE.test(name)) kept[name] = value;
  }
  return kept;
}

/** What makes an editor's own program run as plain Node; nothing where the program is Node already. */
export function runAsNode(): Record<string, string> {
  return process.versions['electron'] === undefined ? {} : { ELECTRON_RUN_AS_NODE: '1' };
}
