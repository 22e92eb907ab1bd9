/** The commands of the fake, as shell scripts in a folder for the PATH. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ProgramPlace {
  /** Where the records and the cloud are. */
  readonly folder: string;
  readonly home: string;
  readonly endpoint: string;
}

export function commandFolder({ folder }: ProgramPlace): string {
  return join(folder, 'bin');
}

export function writePrograms(place: ProgramPlace): void {
  mkdirSync(commandFolder(place), { recursive: true });
  writeScript(place, 'sky', sky(place));
  writeScript(place, 'ssh', ssh(place));
  writeScript(place, 'login-shell', loginShell(place));
}

function writeScript(place: ProgramPlace, name: string, text: string): void {
  const path = join(commandFolder(place), name);
  // In one step: another process may be about to run it.
  writeFileSync(`${path}.new`, `#!/bin/sh\n${text}`, { mode: 0o755 });
  renameSync(`${path}.new`, path);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function compileCache(): string {
  return join(tmpdir(), 'node-compile-cache');
}

function sky({ folder, home }: ProgramPlace): string {
  const words = [process.execPath, '--no-warnings', join(import.meta.dirname, 'command.ts'), folder, home];
  // Compiled once for all of them: it is started often.
  return `NODE_COMPILE_CACHE=${quote(compileCache())} exec ${words.map(quote).join(' ')} "$@"\n`;
}

/** A login shell whose start-up files are `login-environment`: what an editor's own environment lacks is set there. */
function loginShell({ folder }: ProgramPlace): string {
  return `. ${quote(join(folder, 'login-environment'))}
for last; do :; done
exec /bin/sh -c "$last"
`;
}

/**
 * \`ssh\` to the machines of the cloud, by the SSH entries below the fake's home. A command runs here, in the machine's
 * folder, with the machine's paths in it replaced by those of that folder. \`-G\` shows the entry.
 */
function ssh({ folder, home }: ProgramPlace): string {
  return `show=
while [ $# -gt 0 ]; do
  case $1 in
  --) shift; break ;;
  -G) show=1; shift ;;
  -o | -F | -i | -p | -l | -L | -R | -D | -W | -S | -E | -J) shift 2 ;;
  -*) shift ;;
  *) break ;;
  esac
done
host=$1
shift
[ "\${1-}" = -- ] && shift
entry=${quote(join(home, '.sky/generated/ssh'))}/$host
address=$(sed -n 's/^ *HostName //p' "$entry" 2>/dev/null)
if [ -n "$show" ]; then
  printf 'user ubuntu\\nhostname %s\\nport 22\\n' "\${address:-$host}"
  exit 0
fi
if [ -z "$address" ]; then
  echo "ssh: Could not resolve hostname $host: Name or service not known" >&2
  exit 255
fi
for machine in ${quote(join(folder, 'cloud'))}/*; do
  [ "$(cat "$machine/address" 2>/dev/null)" = "$address" ] || continue
  root=$machine/root
  command=$(printf '%s' "$*" | sed "s#/opt/carapace#$root/opt/carapace#g")
  cd "$root/home/ubuntu" || exit 255
  HOME=$root/home/ubuntu exec /bin/sh -c "$command"
done
echo "ssh: connect to host $address port 22: Connection refused" >&2
exit 255
`;
}
