/** Remote-SSH: which extension provides it, and how a window on a host is named. Pure. */
import * as z from 'zod/mini';

/** The remote's name in authorities such as `ssh-remote+HOST`. */
const REMOTE_NAME = 'ssh-remote';

const KNOWN_EXTENSIONS = ['ms-vscode-remote.remote-ssh', 'jeanp413.open-remote-ssh'];

const manifestSchema = z.object({ activationEvents: z.array(z.string()) });

/** Whether an extension opens windows on SSH hosts; forks of VS Code bring their own. */
export function providesRemoteSsh(id: string, manifest: unknown): boolean {
  if (KNOWN_EXTENSIONS.includes(id.toLowerCase())) return true;
  const parsed = manifestSchema.safeParse(manifest);
  return parsed.success && parsed.data.activationEvents.includes(`onResolveRemoteAuthority:${REMOTE_NAME}`);
}

/** The extension to install: Microsoft's is for its own editions of VS Code only. */
export function remoteExtensionFor(appName: string): string {
  return appName.startsWith('Visual Studio Code') ? 'ms-vscode-remote.remote-ssh' : 'jeanp413.open-remote-ssh';
}

export function remoteAuthority(host: string): string {
  return `${REMOTE_NAME}+${host}`;
}

/** The host of a window by its authority, also where Remote-SSH has written it as JSON in hexadecimal digits. */
export function hostOfAuthority(authority: string): string | undefined {
  const [remote, ...rest] = authority.split('+');
  const host = rest.join('+');
  if (remote !== REMOTE_NAME || host === '') return undefined;
  if (!/^(7b([0-9a-f]{2})+7d)$/.test(host)) return host;
  try {
    const told: unknown = JSON.parse(Buffer.from(host, 'hex').toString('utf8'));
    const parsed = z.object({ hostName: z.string() }).safeParse(told);
    return parsed.success ? parsed.data.hostName : host;
  } catch {
    return host;
  }
}
