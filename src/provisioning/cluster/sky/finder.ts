/** Finding SkyPilot on this machine, anew for each operation. */
import { stat } from 'node:fs/promises';
import { SkyNotInstalledError, UnavailableError } from '../../../protocol/errors.ts';
import { Coalesced } from './coalesced.ts';
import { LoginEnvironment, type Environment } from './environment.ts';
import { FOLLOW_TIMES, type FollowTimes } from './follow.ts';
import {
  installCommand,
  isExecutable,
  isNewEnough,
  MINIMUM_VERSION,
  onPath,
  printedVersion,
  userCommandFolders,
} from './install.ts';
import { run } from './process.ts';
import { requestBody } from './request-body.ts';
import { SkyRest } from './rest.ts';
import { findEndpoint, readUserHash } from './server.ts';
import type { Sky, SkyFinder } from './sky.ts';
import { SkyPilot, type SkyMemory } from './skypilot.ts';

/** It takes 2 s: the command loads much of SkyPilot. */
const VERSION_DEADLINE_MS = 60_000;
/** A version serves until the command's file changes, and no longer than this. */
const VERSION_KEEP_MS = 600_000;

export interface SkyFinderOptions {
  /** The environment that `sky` runs in; the login shell's unless given. */
  readonly environmentOf?: (signal: AbortSignal) => Promise<Environment>;
  /** Told in a sentence when the login shell did not answer. */
  readonly warn?: (message: string) => void;
  /** Pauses of following a request, in milliseconds. */
  readonly followTimes?: Partial<FollowTimes>;
}

/** The finder of the real SkyPilot. */
export function createSkyFinder(options: SkyFinderOptions = {}): SkyFinder {
  const { environmentOf, warn, followTimes } = options;
  const login = new LoginEnvironment({ ...(warn && { warn }) });
  const resolve = environmentOf ?? ((signal: AbortSignal) => login.resolve(signal));
  const versions = new Coalesced<string>({ keepMs: VERSION_KEEP_MS });
  const memory: SkyMemory = { starts: new Coalesced<void>({ keepMs: 0 }), addresses: new Map() };
  return {
    async find(skyPath, signal): Promise<Sky> {
      const environment = await resolve(signal);
      const command = await locate(skyPath, environment);
      const version = await versions
        .run(await fileKey(command), signal, (shared) => askVersion(command, environment, shared))
        .catch((error: unknown) => failUnlessSky(error, environment));
      if (!isNewEnough(version)) throw await tooOld(command, version, environment);
      const endpoint = await findEndpoint(environment);
      const body = requestBody(environment, endpoint, await readUserHash(environment));
      return new SkyPilot({
        command,
        version,
        environment,
        endpoint,
        rest: new SkyRest(endpoint, body),
        memory,
        followTimes: { ...FOLLOW_TIMES, ...followTimes },
      });
    },
    async installCommand(signal): Promise<string> {
      return installCommand(await resolve(signal));
    },
  };
}

/** @throws SkyNotInstalledError */
async function locate(skyPath: string | undefined, environment: Environment): Promise<string> {
  const found =
    skyPath === undefined
      ? await onPath('sky', environment, userCommandFolders(environment))
      : (await isExecutable(skyPath)) && skyPath;
  if (found !== undefined && found !== false) return found;
  const where = skyPath === undefined ? 'no "sky" is on the PATH of your shell' : `there is no command at ${skyPath}`;
  throw await notInstalled(`SkyPilot not installed: ${where}.`, environment);
}

function tooOld(command: string, version: string, environment: Environment): Promise<SkyNotInstalledError> {
  const what = `SkyPilot ${version} is too old: ${MINIMUM_VERSION} or later is needed, and ${command} is older.`;
  return notInstalled(what, environment, version);
}

async function notInstalled(what: string, environment: Environment, version?: string): Promise<SkyNotInstalledError> {
  const command = await installCommand(environment);
  return new SkyNotInstalledError(`${what} Install it by: ${command}`, {
    install_command: command,
    ...(version !== undefined && { sky_version: version }),
  });
}

/** A command that is not SkyPilot's, or that cannot be run, such as one whose Python was removed. */
class NotSkyError extends Error {}

async function askVersion(command: string, environment: Environment, signal: AbortSignal): Promise<string> {
  const ran = await run(command, ['--version'], { environment, signal, deadlineMs: VERSION_DEADLINE_MS }).catch(
    (error: unknown) => {
      if (error instanceof UnavailableError) throw new NotSkyError(`${command} cannot be run`, { cause: error });
      throw error;
    },
  );
  const version = ran.exitCode === 0 ? printedVersion(ran.stdout) : undefined;
  if (version === undefined) throw new NotSkyError(`${command} does not tell SkyPilot's version`);
  return version;
}

async function failUnlessSky(error: unknown, environment: Environment): Promise<never> {
  if (!(error instanceof NotSkyError)) throw error;
  throw await notInstalled(`SkyPilot not installed: ${error.message}.`, environment);
}

/** Changes when the command is installed anew. */
async function fileKey(path: string): Promise<string> {
  const { ino, mtimeMs, size } = await stat(path);
  return `${path} ${ino} ${mtimeMs} ${size}`;
}
