/** Where the control plane is: the one of this machine, or the one that the settings name. */
import { existsSync } from 'node:fs';
import type { Connection } from '../client/connection.ts';
import {
  ensureControlPlane,
  findControlPlane,
  isControlPlaneAlive,
  serveLog,
  type FoundControlPlane,
} from '../client/daemon.ts';
import { statePaths } from '../lib/state-folder.ts';
import { VERSION } from '../lib/version.ts';
import { InvalidInputError, UnavailableError } from '../protocol/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { withNextStep } from './model/problem.ts';
import type { Translate } from '../client/translate.ts';
import type { Secrets } from './secrets.ts';

/** A connection, or why there is none without doing something. */
export type Found =
  | { readonly connection: FoundControlPlane }
  | { readonly connection: undefined; readonly because: 'absent' | 'asleep' | 'locked' };

export interface ConnectionSource {
  /** Looks; starts nothing where nothing runs, and asks nothing. @throws UnavailableError where one runs and is mute */
  find(signal: AbortSignal): Promise<Found>;
  /** Starts or asks for what is missing. @throws UnavailableError, TimedOutError, InvalidInputError, an AbortError where a person gave up */
  ensure(signal: AbortSignal): Promise<FoundControlPlane>;
  /** Told when a connection's token was refused. */
  refused(connection: Connection): Promise<void>;
}

/**
 * The control plane of this machine, by its state folder; `program` is the path of dist/cli.cjs. One that is older than
 * `version` is asked to make way whenever it is looked for; while it does, everybody waits for the next one.
 */
export function localSource(stateFolder: string, program: string, version = VERSION): ConnectionSource {
  let ensuring: Promise<FoundControlPlane> | undefined;
  const ensure = (signal: AbortSignal): Promise<FoundControlPlane> =>
    (ensuring ??= ensureControlPlane({ stateFolder, program, signal, version }).finally(() => (ensuring = undefined)));
  return {
    find: async (signal) => {
      if (ensuring !== undefined) return { connection: await ensuring };
      const connection = await findControlPlane(stateFolder, signal, version);
      if (connection?.outdated?.background === true) return { connection: await ensure(signal) };
      if (connection !== undefined) return { connection };
      if (await isControlPlaneAlive(stateFolder)) {
        const log = serveLog(stateFolder);
        throw new UnavailableError(`The control plane of this machine runs, but does not answer. Its log is ${log}.`);
      }
      return { connection, because: existsSync(statePaths(stateFolder).store) ? 'asleep' : 'absent' };
    },
    ensure,
    // The token is read anew from daemon.json each time.
    refused: () => Promise.resolve(),
  };
}

interface ConfiguredOptions {
  readonly url: string;
  readonly secrets: Secrets;
  /** Asks a person for the token; undefined where they gave none. */
  readonly askToken: (url: string) => PromiseLike<string | undefined>;
  readonly t: Translate;
}

/** The control plane at an address from the settings, with a token that is asked for once. */
export function configuredSource({ url, secrets, askToken, t }: ConfiguredOptions): ConnectionSource {
  const key = `carapace.token ${url}`;
  const stored = async (): Promise<Connection | undefined> => {
    const address = checkedAddress(url, t);
    const token = await secrets.get(key);
    return token === undefined ? undefined : { url: address, token };
  };
  return {
    find: async () => {
      const connection = await stored();
      return connection === undefined ? { connection, because: 'locked' } : { connection };
    },
    ensure: async () => {
      const connection = await stored();
      if (connection !== undefined) return connection;
      const token = (await askToken(url))?.trim();
      if (token === undefined || token === '') throw new DOMException(t('No token was given.'), 'AbortError');
      await secrets.store(key, token);
      return { url: checkedAddress(url, t), token };
    },
    refused: () => secrets.delete(key),
  };
}

/** A token goes over plain HTTP to this machine only. */
function checkedAddress(url: string, t: Translate): string {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const secure = address?.protocol === 'https:';
  const local = address?.protocol === 'http:' && isLoopback(address.hostname);
  if (secure || local) return url.replace(/\/+$/, '');
  throw new InvalidInputError(
    t(
      'The setting carapace.controlPlane.url must be an https address, or an http address of this machine: "{0}" is not.',
      url,
    ),
    withNextStep('openSettings'),
  );
}
