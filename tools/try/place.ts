/** The folders of a VS Code that is tried or tested: its settings, its extensions, and a folder to open in it. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Everything that one browser edition of VS Code keeps, under one folder. */
export interface Place {
  readonly folder: string;
  readonly userData: string;
  readonly extensions: string;
  /** What the window opens. */
  readonly sample: string;
  /** Who serves it: {@link import('./code-server.ts').Serving} */
  readonly serverFile: string;
  readonly log: string;
  readonly config: string;
}

const SETTINGS = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
  // The ports of the control plane and of the agent are nothing to open in a browser.
  'remote.autoForwardPorts': false,
  'telemetry.telemetryLevel': 'off',
  'update.showReleaseNotes': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'readme',
};

const SAMPLE_README = `# Try Carapace

1. Press the **Carapace** icon in the bar at the left edge.
2. Press **Try a Seat on This Machine**. A workshop with a seat appears in the tree.
3. Press the terminal icon of seat 1 and type: it is a real shell.
4. Open the files of the seat from the tree, edit one and save it.
5. Delete the workshop. Nothing is left of it.
`;

export function placeIn(folder: string): Place {
  return {
    folder,
    userData: join(folder, 'user-data'),
    extensions: join(folder, 'extensions'),
    sample: join(folder, 'welcome'),
    serverFile: join(folder, 'server.json'),
    log: join(folder, 'server.log'),
    config: join(folder, 'code-server.yaml'),
  };
}

/** Makes what is missing of a place; what a person has changed in it stays. */
export async function preparePlace(place: Place, settings: Record<string, unknown> = {}): Promise<void> {
  const userFolder = join(place.userData, 'User');
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  for (const folder of [userFolder, place.extensions, place.sample]) await mkdir(folder, { recursive: true });
  await writeWhereMissing(place.config, '# Everything is on the command line.\nauth: none\n');
  await writeWhereMissing(join(userFolder, 'settings.json'), JSON.stringify({ ...SETTINGS, ...settings }, null, 2));
  await writeWhereMissing(join(place.sample, 'README.md'), SAMPLE_README);
}

async function writeWhereMissing(path: string, text: string): Promise<void> {
  if (!existsSync(path)) await writeFile(path, text);
}
