/** What SkyPilot's exceptions (`sky/exceptions.py`) mean to a person, as typed errors. */
import {
  ConflictError,
  ForbiddenError,
  InvalidInputError,
  NoCapacityError,
  NoCredentialsError,
  NotFoundError,
  NotRunningError,
  UnavailableError,
  type CarapaceError,
} from '../../../protocol/errors.ts';
import { plainText } from './text.ts';

/** An exception of SkyPilot: its class without the module, and its message without ANSI sequences. */
export interface SkyException {
  readonly type: string;
  readonly message: string;
}

/** Credentials that were good once, in the words of the clouds' own libraries (`sky/provision/aws/utils.py` and others). */
const EXPIRED =
  /ExpiredToken|RequestExpired|token(s)? (is|are|has|have|included in the request is) expired|session has expired|credentials? (has|have|is|are) expired|expired credentials|invalid_grant|reauthenticat/i;
const REFUSED =
  /InvalidClientTokenId|SignatureDoesNotMatch|AuthFailure|UnrecognizedClient|Unable to locate credentials|NoCredentialsError|UnauthorizedOperation/;
const QUOTA =
  /no quota|quota (is )?exceeded|QuotaExceeded|exceeds? (the |your )?.*quota|VcpuLimitExceeded|LimitExceeded/i;
const CATALOG =
  /Catalog does not contain|No launchable resource|No resource satisfying|cannot be satisfied|not found in (the )?catalog/i;
const VERSION = /client version is too (old|new)|version_mismatch|API version mismatch/i;

type Maker = (message: string, exception: SkyException) => CarapaceError;

const noCloud: Maker = (_, { message }) =>
  new NoCredentialsError(
    'SkyPilot may use no cloud: none has credentials here. Sign in to one (for AWS: aws configure) and run "sky check".',
    { sky: 'NoCloudAccessError', message },
  );

const credentials: Maker = (message, exception) => {
  const expired = EXPIRED.test(exception.message);
  const what = expired ? 'The credentials of the cloud have expired' : 'The cloud refused the credentials';
  return new NoCredentialsError(`${what}: ${message} Sign in again, then try again.`, {
    sky: exception.type,
    cause: expired ? 'expired' : 'refused',
  });
};

const resources: Maker = (message, exception) => {
  const { type, message: whole } = exception;
  if (EXPIRED.test(whole) || REFUSED.test(whole) || whole.includes('InvalidCloudCredentials')) {
    return credentials(message, exception);
  }
  if (CATALOG.test(whole)) {
    return new NoCapacityError(`No cloud offers such a server: ${message} Choose another size, region or cloud.`, {
      sky: type,
      cause: 'catalog',
    });
  }
  if (QUOTA.test(whole)) {
    const words = 'The quota of the cloud account does not allow this server';
    return new NoCapacityError(`${words}: ${message} Ask the cloud for more, or choose another region or size.`, {
      sky: type,
      cause: 'quota',
    });
  }
  return new NoCapacityError(
    `The cloud has no such server free: ${message} Try again later, or choose another region, size or cloud.`,
    { sky: type, cause: 'capacity' },
  );
};

const input: Maker = (message, { type }) =>
  new InvalidInputError(`SkyPilot refused what was asked for: ${message}`, { sky: type });
const busy: Maker = (message, { type }) =>
  new UnavailableError(`SkyPilot's API server could not do it now: ${message} Try again in a moment.`, { sky: type });
const wrongVersion: Maker = (_, { type }) =>
  new UnavailableError(
    'SkyPilot\'s API server is of another version than its command. Run "sky api stop", then "sky api start".',
    { sky: type },
  );
const gone: Maker = (_, { type }) =>
  new NotFoundError('SkyPilot has no such server any more: it was destroyed, here or elsewhere.', { sky: type });
const forbidden: Maker = (message, { type }) => new ForbiddenError(`SkyPilot forbids it: ${message}`, { sky: type });

const MAKERS: Readonly<Record<string, Maker>> = {
  NoCloudAccessError: noCloud,
  InvalidCloudCredentials: credentials,
  CloudUserIdentityError: credentials,
  ResourcesUnavailableError: resources,
  ResourcesMismatchError: (message, { type }) =>
    new ConflictError(`The server that is there is of another kind: ${message}`, { sky: type }),
  InvalidClusterNameError: (message, { type }) =>
    new InvalidInputError(`The name cannot be used: ${message}`, { path: 'name', sky: type }),
  InvalidSkyPilotConfigError: input,
  InvalidCloudConfigs: input,
  ProvisionUnsupportedError: input,
  NotSupportedError: (message, { type }) =>
    new ConflictError(`The cloud cannot do this: ${message} Destroying the server always works.`, { sky: type }),
  ClusterDoesNotExist: gone,
  ClusterNotUpError: (message, { type }) =>
    new NotRunningError(`The server does not run: ${message} Start it, then try again.`, { sky: type }),
  ClusterOwnerIdentityMismatchError: (message, { type }) =>
    new ConflictError(
      `The server belongs to another account of the cloud: ${message} Choose the account that launched it.`,
      { sky: type },
    ),
  PermissionDeniedError: forbidden,
  NoWorkspaceAccessError: forbidden,
  UserRequestRejectedByPolicy: forbidden,
  ApiServerConnectionError: () =>
    new UnavailableError('SkyPilot\'s API server does not answer. Run "sky api start", then try again.', {
      sky: 'ApiServerConnectionError',
    }),
  ApiServerAuthenticationError: (_, { type }) =>
    new UnavailableError('SkyPilot\'s API server wants a sign-in. Run "sky api login", then try again.', { sky: type }),
  APIVersionMismatchError: wrongVersion,
  APINotSupportedError: wrongVersion,
  ServerTemporarilyUnavailableError: busy,
  ConcurrentWorkerExhaustedError: busy,
  ExecutionPoolFullError: busy,
  RequestInterruptedError: busy,
  NetworkError: busy,
};

/** The typed error for what SkyPilot told; its message is for a person. `details.sky` is SkyPilot's own class. */
export function errorFromSky(type: string, message: string): CarapaceError {
  const name = type.split('.').at(-1) ?? type;
  const exception = { type: name, message: plainText(message).trim() };
  const make = MAKERS[name] ?? makerByWords(exception.message);
  return make(tellingSentence(exception.message), exception);
}

/** For the classes that say little, such as RuntimeError: judged by their words. */
function makerByWords(message: string): Maker {
  if (VERSION.test(message)) return wrongVersion;
  if (EXPIRED.test(message) || REFUSED.test(message)) return credentials;
  if (/path exists|Failed to create symlinks/.test(message)) {
    return (told, { type }) =>
      new ConflictError(
        `A folder of the server is in the way of a vault: ${told} Move it away on the server, then sync again.`,
        { sky: type },
      );
  }
  if (QUOTA.test(message)) return resources;
  if (/does not exist locally|Invalid (task|resources) YAML/.test(message)) return input;
  return (told, { type }) => new UnavailableError(`SkyPilot failed: ${told} Its log has the details.`, { sky: type });
}

/** Lines that say more than the first one, the best first. */
const TELLING = [
  /^Reason: (.*)/,
  /^!!! (Failed mounting because path exists .*)/,
  /^(Failed to acquire resources .*)/,
  /^(.*not supported.*)/,
  /^(The target destination .*|Failed to create symlinks.*)/,
];

/** What a message says to a person: its most telling line as a sentence of at most 300 characters. */
function tellingSentence(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  for (const pattern of TELLING) {
    const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null);
    if (found) return asSentence(found[1] ?? found[0]);
  }
  return asSentence(lines.find((line) => /\w/.test(line)) ?? 'it said nothing');
}

function asSentence(line: string): string {
  const short = line.length > 300 ? `${line.slice(0, 299)}…` : line.trim();
  return /[.!?…]$/.test(short) ? short : `${short.replace(/[:;,]$/, '')}.`;
}

const CLOUD_SAID = /An error occurred \((\w+)\) when calling the \w+ operation(?: \([^)]*\))?: (.*)$/;

/**
 * Why a request fails, in a line of its log: SkyPilot's exception of a failed launch does not say whether quota, capacity or
 * a folder that is in the way was the reason.
 */
export function reasonInLine(line: string): string | undefined {
  const [, code, words] = CLOUD_SAID.exec(line) ?? [];
  if (code !== undefined) return `${code}: ${words ?? ''}`;
  return /Found no quota for .*|!!! Failed mounting because path exists .*/.exec(line)?.[0];
}

/** The exception with the reason that its log gave. */
export function withReason<T extends SkyException>(exception: T, reason: string | undefined): T {
  return reason === undefined ? exception : { ...exception, message: `${exception.message}\nReason: ${reason}` };
}

const EXCEPTION_LINE =
  /^(?:\w+\.)*([A-Z]\w*(?:Error|Exception|Unavailable|Exist|Cancelled|Credentials|Configs|Policy)): ?(.*)$/;

/** The exception that a failed command printed last, `sky.exceptions.TYPE: message`, with the lines that follow it. */
export function printedException(stderr: string): SkyException | undefined {
  const lines = plainText(stderr).trimEnd().split('\n');
  const at = lines.findLastIndex((line) => EXCEPTION_LINE.test(line));
  const [, type, first = ''] = EXCEPTION_LINE.exec(lines[at] ?? '') ?? [];
  if (type === undefined) return undefined;
  return { type, message: [first, ...lines.slice(at + 1)].join('\n').trim() };
}

/** The typed error for a command that failed. @param doing such as `launch the server` */
export function errorFromCommand(
  doing: string,
  ran: { readonly stdout: string; readonly stderr: string },
): CarapaceError {
  const exception = printedException(ran.stderr) ?? printedException(ran.stdout);
  if (exception !== undefined) return errorFromSky(exception.type, exception.message);
  const said = plainText(ran.stderr).trim() || plainText(ran.stdout).trim();
  const told = said.split('\n').at(-1) ?? '';
  return makerByWords(said)(asSentence(told || `it could not ${doing}`), { type: 'Exit', message: said });
}

const NOT_REFRESHED = /(?:^|: )(Failed to query .*|Failed to refresh the status .*)/m;

/**
 * A refresh that could not ask the cloud, such as with expired credentials, answers the old status as a success, and says so
 * only in what it prints. @throws the typed error of that
 */
export function failIfNotRefreshed(printed: string): void {
  const why = NOT_REFRESHED.exec(plainText(printed))?.[1];
  if (why !== undefined) throw errorFromSky('ClusterStatusFetchingError', why);
}
