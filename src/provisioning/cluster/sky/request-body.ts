/** What SkyPilot's command line tells its API server of its environment. */
import { userInfo } from 'node:os';
import type { Environment } from './environment.ts';
import type { Endpoint } from './rest.ts';

/** Which variables the command line passes on to its server (`request_body_env_vars` and `EXTERNAL_LOCAL_ENV_VARS`). */
const TO_LOCAL_SERVER = new Set([
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AZURE_CLIENT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_TENANT_ID',
  'AZURE_SUBSCRIPTION_ID',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'KUBECONFIG',
]);
const NEVER_TO_SERVER =
  /^SKYPILOT_(SERVER_.*|CONFIG|GLOBAL_CONFIG|PROJECT_CONFIG|DB_CONNECTION_URI|SERVICE_ACCOUNT_TOKEN|IN_CLUSTER_CONTEXT_NAME)$/;

/**
 * What every request carries, as the command line would send it from this environment. A server takes the user from it,
 * so without a user nothing of the environment is sent and the server's own serves.
 * @param userHash content of `~/.sky/user_hash`
 */
export function requestBody(
  environment: Environment,
  endpoint: Endpoint,
  userHash: string | undefined,
): Record<string, unknown> {
  const user = environment['SKYPILOT_USER_ID'] ?? userHash;
  const told = { entrypoint: 'carapace', entrypoint_command: 'carapace' };
  if (user === undefined) return told;
  const passed = Object.entries(environment).filter(
    ([name]) =>
      (name.startsWith('SKYPILOT_') && !NEVER_TO_SERVER.test(name)) || (endpoint.isLocal && TO_LOCAL_SERVER.has(name)),
  );
  const name = environment['SKYPILOT_USER'] ?? environment['USER'] ?? environment['LOGNAME'] ?? localUser();
  return { ...told, env_vars: { ...Object.fromEntries(passed), SKYPILOT_USER_ID: user, SKYPILOT_USER: name } };
}

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the password file.
    return 'unknown';
  }
}
