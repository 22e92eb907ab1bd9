/** Finding the `sky` command, its version, and how to install it here. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Environment } from './environment.ts';
import { plainText } from './text.ts';

/** The oldest SkyPilot that `-o json` and the API server of this adapter are in. */
export const MINIMUM_VERSION = '0.12.0';

/** The first executable of that name on the environment's PATH; `further` are folders to look in after it. */
export async function onPath(
  name: string,
  environment: Environment,
  further: readonly string[] = [],
): Promise<string | undefined> {
  const folders = [...(environment['PATH'] ?? '').split(delimiter), ...further];
  for (const folder of folders) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Where `uv tool` and `pipx` put commands, also when no start-up file names it. */
export function userCommandFolders(environment: Environment): string[] {
  const home = environment['HOME'];
  return home === undefined ? [] : [join(home, '.local', 'bin')];
}

/** The version in `skypilot, version 0.14.1`, as `sky --version` prints it. */
export function printedVersion(output: string): string | undefined {
  return /\bversion v?(\d+\.\d+\S*)/.exec(plainText(output))?.[1];
}

/** Whether a version such as `0.14.1`, `0.13.0rc1` or `1.0.0.dev20260801` is {@link MINIMUM_VERSION} or later. */
export function isNewEnough(version: string): boolean {
  const numbers = (text: string): number[] =>
    text
      .split('.')
      .slice(0, 3)
      .map((part) => Number.parseInt(part, 10) || 0);
  const [major = 0, minor = 0, patch = 0] = numbers(version);
  const [needMajor = 0, needMinor = 0, needPatch = 0] = numbers(MINIMUM_VERSION);
  if (major !== needMajor) return major > needMajor;
  return minor === needMinor ? patch >= needPatch : minor > needMinor;
}

/** Where clouds keep credentials, and the extra of SkyPilot that speaks to them. */
const EXTRAS: readonly (readonly [string, string])[] = [
  ['.aws', 'aws'],
  ['.config/gcloud', 'gcp'],
  ['.azure', 'azure'],
  ['.kube/config', 'kubernetes'],
];

/** The command that installs SkyPilot here, or brings it up to date, by what is there: uv, pipx or pip. */
export async function installCommand(environment: Environment): Promise<string> {
  const further = userCommandFolders(environment);
  const specifier = `"skypilot[${(await extras(environment)).join(',')}]>=${MINIMUM_VERSION}"`;
  if ((await onPath('uv', environment, further)) !== undefined) return `uv tool install --with pip ${specifier}`;
  if ((await onPath('pipx', environment, further)) !== undefined) return `pipx install --force ${specifier}`;
  const python = (await onPath('python3', environment)) === undefined ? 'python' : 'python3';
  return `${python} -m pip install --user --upgrade ${specifier}`;
}

/** Of the clouds that the user signed in to before; AWS where there is none. */
async function extras(environment: Environment): Promise<string[]> {
  const home = environment['HOME'] ?? '/';
  const found: string[] = [];
  for (const [place, extra] of EXTRAS) {
    const exists = await stat(join(home, place)).then(
      () => true,
      () => false,
    );
    if (exists) found.push(extra);
  }
  return found.length === 0 ? ['aws'] : found;
}
