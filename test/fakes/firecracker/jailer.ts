/**
 * A strict fake of the program `jailer`: `node jailer.ts FOLDER ARGUMENT…`. It makes the jail's folder as the real one does
 * and joins the network namespace; instead of changing its root and its user, it tells the fake firecracker of them.
 */
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, realpathSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { behaviourOf } from './behaviour.ts';
import { recordCall } from './calls.ts';

const [folder = '', ...rest] = process.argv.slice(2);
const behaviour = behaviourOf(folder);

function fail(text: string): never {
  writeSync(2, `Error: ${text}\n`);
  process.exit(1);
}

const end = rest.indexOf('--');
const own = end < 0 ? rest : rest.slice(0, end);
const passed = end < 0 ? [] : rest.slice(end + 1);

function parse(): Record<'id' | 'exec-file' | 'uid' | 'gid' | 'chroot-base-dir', string> & { netns?: string } {
  try {
    const { values } = parseArgs({
      args: own,
      options: {
        id: { type: 'string' },
        'exec-file': { type: 'string' },
        uid: { type: 'string' },
        gid: { type: 'string' },
        'chroot-base-dir': { type: 'string', default: '/srv/jailer' },
        netns: { type: 'string' },
        'resource-limit': { type: 'string', multiple: true },
        cgroup: { type: 'string', multiple: true },
        'cgroup-version': { type: 'string' },
        'parent-cgroup': { type: 'string' },
        version: { type: 'boolean' },
      },
    });
    if (values.version === true) {
      writeSync(1, `Jailer v${behaviour.jailerVersion ?? behaviour.version}\n\n`);
      process.exit(0);
    }
    const { id, uid, gid, netns, 'exec-file': program, 'chroot-base-dir': base } = values;
    for (const [name, value] of Object.entries({ id, 'exec-file': program, uid, gid })) {
      if (value === undefined) throw new Error(`Argument '${name}' required, but not found.`);
    }
    for (const limit of values['resource-limit'] ?? []) {
      if (!/^(fsize|no-file)=\d+$/.test(limit)) throw new Error(`Invalid format for resources limits: ${limit}`);
    }
    const needed = { id: id!, uid: uid!, gid: gid!, 'exec-file': program!, 'chroot-base-dir': base };
    return netns === undefined ? needed : { ...needed, netns };
  } catch (error) {
    return fail(`Jailer error: Failed to parse arguments: ${String(error)}`);
  }
}

const options = parse();
if (!/^[a-zA-Z0-9-]{1,64}$/.test(options.id)) {
  fail(`Jailer error: Invalid instance ID: ${options.id.length > 64 ? 'Invalid len' : 'Invalid char'} (${options.id})`);
}
if (process.getuid?.() !== 0) fail('Jailer error: Failed to unshare into new mount namespace: Operation not permitted');
if (!existsSync(options['exec-file'])) {
  fail(`Jailer error: Failed to canonicalize path ${options['exec-file']}: No such file or directory (os error 2)`);
}
const program = realpathSync(options['exec-file']);
if (!basename(program).includes('firecracker')) {
  fail(`Jailer error: Invalid filename. The filename of \`--exec-file\` option must contain "firecracker": ${program}`);
}
if (!existsSync(options['chroot-base-dir'])) {
  fail(
    `Jailer error: Failed to canonicalize path ${options['chroot-base-dir']}: No such file or directory (os error 2)`,
  );
}
if (!statSync(options['chroot-base-dir']).isDirectory()) fail('Jailer error: it is not a directory');

const user = Number(options.uid);
const root = join(realpathSync(options['chroot-base-dir']), basename(program), options.id, 'root');
mkdirSync(root, { recursive: true });
// A second machine in the same jail fails where the real one makes its devices.
if (existsSync(join(root, 'dev/net/tun'))) {
  fail('Jailer error: Failed to create /dev/net/tun via mknod inside the jail: File exists (os error 17)');
}
copyFileSync(program, join(root, basename(program)));
mkdirSync(join(root, 'dev/net'), { recursive: true, mode: 0o700 });
copyFileSync('/dev/null', join(root, 'dev/net/tun'));
mkdirSync(join(root, 'run'), { mode: 0o700, recursive: true });
for (const place of ['', 'dev', 'dev/net', 'run']) {
  chmodSync(join(root, place), 0o700);
  chownSync(join(root, place), user, Number(options.gid));
}
recordCall(folder, { id: options.id, jailed: rest });

const command = [process.execPath, '--no-warnings', join(import.meta.dirname, 'firecracker.ts'), folder];
const parameters = [...command, '--id', options.id, '--start-time-us=1', '--start-time-cpu-us=1', ...passed];
const joined = options.netns === undefined ? parameters : ['nsenter', `--net=${options.netns}`, '--', ...parameters];
process.chdir(root);
process.execve?.('/usr/bin/env', ['env', ...joined], {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  FAKE_JAIL_USER: options.uid,
  NODE_COMPILE_CACHE: join(folder, 'cache'),
});
