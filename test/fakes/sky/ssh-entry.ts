/** The SSH entries that SkyPilot writes below the home folder. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function sshEntryPath(home: string, cluster: string): string {
  return join(home, '.sky/generated/ssh', cluster);
}

export function writeSshEntry(home: string, cluster: string, address: string): void {
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  mkdirSync(join(home, '.sky/generated/ssh'), { recursive: true });
  writeFileSync(
    join(home, '.ssh/config'),
    '# Added by SkyPilot for ssh config of all clusters\nInclude ~/.sky/generated/ssh/*\n\n',
  );
  const entry = `# Added by sky (use \`sky stop/down ${cluster}\` to remove)
Host ${cluster}
  HostName ${address}
  User ubuntu
  IdentityFile ~/.sky/generated/ssh-keys/${cluster}.key
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile=/dev/null
  GlobalKnownHostsFile=/dev/null
  Port 22
  SetEnv SKY_CLUSTER_NAME=${cluster}-fcd1e5cf

`;
  writeFileSync(sshEntryPath(home, cluster), entry);
}

export function removeSshEntry(home: string, cluster: string): void {
  rmSync(sshEntryPath(home, cluster), { force: true });
}
