import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { lookAtVault } from '../../../../../src/provisioning/cluster/vaults/look.ts';
import { readEntry, scanFolder } from '../../../../../src/provisioning/cluster/vaults/scan.ts';
import { isSecretName, isSecretText, SecretSearch } from '../../../../../src/provisioning/cluster/vaults/secrets.ts';
import { notAborted } from './local-shell.ts';

/** Does it as a user who is not root, for root may read everything. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('looking at a folder', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-scan-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('tells files and links, and follows none', async () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/new\nline 😀 #%'), 'four');
    utimesSync(join(folder, 'a/b/new\nline 😀 #%'), new Date(-1_500), new Date(-1_500));
    symlinkSync('..', join(folder, 'a/up'));
    symlinkSync('/etc', join(folder, 'out'));
    const { files, folders } = await scanFolder(folder, notAborted);
    assert.deepEqual([...files.keys()].sort(), ['a/b/new\nline 😀 #%', 'a/up', 'out']);
    assert.deepEqual([...folders].sort(), ['a', 'a/b']);
    const { kind, size, seconds, nanos } = files.get('a/b/new\nline 😀 #%')!;
    assert.deepEqual({ kind, size, seconds, nanos }, { kind: 'file', size: 4, seconds: -2, nanos: 500_000_000 });
    assert.equal(files.get('out')?.target, '/etc');
  });

  it('names what cannot be read, and what is not there', async () => {
    // The folder of the tests may be closed to everybody else.
    rmSync(folder, { recursive: true });
    folder = mkdtempSync('/tmp/carapace-scan-');
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'closed'));
    writeFileSync(join(folder, 'closed/inside'), '');
    writeFileSync(join(folder, 'secret'), '');
    writeFileSync(join(folder, 'open'), '');
    chmodSync(join(folder, 'secret'), 0o000);
    chmodSync(join(folder, 'closed'), 0o000);
    const look = await asNobody(() => lookAtVault('private', folder, notAborted));
    chmodSync(join(folder, 'closed'), 0o755);
    assert.match(
      look.problem ?? '',
      /^The private vault has something that cannot be read: .*(secret|closed) and 1 more\. /,
    );
    chmodSync(join(folder, 'closed'), 0o755);
    chmodSync(folder, 0o000);
    const closed = await asNobody(() => lookAtVault('private', folder, notAborted));
    chmodSync(folder, 0o755);
    assert.match(closed.problem ?? '', /^The private vault cannot be read: /);
    const absent = await lookAtVault('public', join(folder, 'absent'), notAborted);
    assert.match(absent.problem ?? '', /^The public vault is not there: .* Create the folder or choose another one\.$/);
    const file = await lookAtVault('public', join(folder, 'open'), notAborted);
    assert.match(file.problem ?? '', /^The public vault is not a folder: /);
  });

  it('refuses folders whose name SkyPilot would misread, or run', async () => {
    for (const name of ["it's $(touch hacked)", 'back\\slash', 'both \' and "', 'tab\t', 'narrow\u202fspace']) {
      mkdirSync(join(folder, name));
      const { problem } = await lookAtVault('public', join(folder, name), notAborted);
      assert.match(problem ?? '', /^SkyPilot cannot mount the public vault, for the name/, name);
    }
    for (const name of ['with space', "it's", '$(x)', 'quote"', 'é😀', '#%&;']) {
      mkdirSync(join(folder, name));
      assert.equal((await lookAtVault('public', join(folder, name), notAborted)).problem, null, name);
    }
  });

  it('names a file that is not UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]), '');
    const { problem } = await lookAtVault('public', folder, notAborted);
    assert.match(problem ?? '', /whose name is not UTF-8: caf/);
  });

  it('lets other work go on while it reads 100,000 files', async function () {
    this.timeout(120_000);
    for (let outer = 0; outer < 50; outer++) {
      mkdirSync(join(folder, String(outer)));
      for (let inner = 0; inner < 2_000; inner++) writeFileSync(join(folder, `${outer}/${inner}.txt`), '');
    }
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    try {
      const { files } = await scanFolder(folder, notAborted);
      assert.equal(files.size, 100_000);
    } finally {
      clearInterval(timer);
    }
    // However fast the machine is: a walk that never yields lets none pass.
    assert.ok(turns >= 20, `only ${turns} turns of the event loop`);
  });

  it('ends when it is told to', async () => {
    writeFileSync(join(folder, 'one'), '');
    await assert.rejects(scanFolder(folder, AbortSignal.abort()), { name: 'AbortError' });
    await assert.rejects(lookAtVault('public', folder, AbortSignal.abort()), { name: 'AbortError' });
  });
});

describe('files that look like secrets', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-secrets-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are known by their names', () => {
    const secret = ['id_rsa', 'a/server.pem', 'x.key', '.env', '.env.production', 'credentials', 'b/credentials.json'];
    const others = ['.aws/config', '.ssh/config', '.kube/config', 'kubeconfig', 'kubeconfig.yaml', '.netrc', 'me.kdbx'];
    for (const path of [...secret, ...others]) assert.ok(isSecretName(path), path);
    const harmless = ['id_rsa.pub', '.env.example', 'key.txt', 'environment', 'keys/readme.md', '.ssh/known_hosts'];
    for (const path of [...harmless, 'monkey', 'pem.md']) assert.ok(!isSecretName(path), path);
  });

  it('are known by how they begin', () => {
    const key = ['-----BEGIN OPENSSH', 'PRIVATE KEY-----'].join(' ');
    const token = ['key = AKIA', 'IOSFODNN7EXAMPLE'].join('');
    for (const text of [key, key.replace('OPENSSH ', ''), token, 'aws_secret_access_key=x']) {
      assert.ok(isSecretText(text), text);
    }
    const certificate = '-----BEGIN CERTIFICATE-----';
    for (const text of [certificate, '-----BEGIN PUBLIC KEY-----', 'AKIA', 'the private key', '']) {
      assert.ok(!isSecretText(text), text);
    }
  });

  it('are found, and looked into again only when they change', async () => {
    const search = new SecretSearch();
    const find = async (): Promise<string[]> => {
      const { files } = await scanFolder(folder, notAborted);
      return (await search.find(folder, files, notAborted)).sort();
    };
    const key = ['-----BEGIN', 'PRIVATE KEY-----'].join(' ');
    writeFileSync(join(folder, 'notes.txt'), `hello\n${key}\n`);
    writeFileSync(join(folder, 'plain.txt'), 'hello');
    writeFileSync(join(folder, 'big.bin'), key + ' '.repeat(100_000));
    writeFileSync(join(folder, '.env'), '');
    symlinkSync('/etc/ssl/x.key', join(folder, 'x.key'));
    assert.deepEqual(await find(), ['.env', 'notes.txt']);
    assert.deepEqual(await find(), ['.env', 'notes.txt']);
    const before = await readEntry(join(folder, 'plain.txt'));
    writeFileSync(join(folder, 'plain.txt'), key.slice(0, 5));
    utimesSync(join(folder, 'plain.txt'), before!.seconds, before!.seconds + 1);
    assert.deepEqual(await find(), ['.env', 'notes.txt']);
    writeFileSync(join(folder, 'plain.txt'), key);
    writeFileSync(join(folder, 'notes.txt'), 'cleaned');
    assert.deepEqual(await find(), ['.env', 'plain.txt']);
  });
});
