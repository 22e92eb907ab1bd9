import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { cleanEnvironment } from '../../../../../src/lib/child-environment.ts';
import { checkSsh, quote, sshShell } from '../../../../../src/provisioning/cluster/vaults/remote-shell.ts';
import { localShell, notAborted } from './local-shell.ts';

describe('commands on the server', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-ssh-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** An `ssh` that says and does what the test wants. */
  function withSsh(script: string): Record<string, string> {
    writeFileSync(join(folder, 'ssh'), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
    return { ...cleanEnvironment(), PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  }

  it('get input, give output and tell how they ended', async () => {
    const shell = localShell({ GREETING: 'hello' });
    const answer = await shell.run('cat; echo "$GREETING" >&2; exit 3', { input: 'in\0put', signal: notAborted });
    assert.deepEqual(answer, { exitCode: 3, stdout: Buffer.from('in\0put'), stderr: 'hello\n' });
    assert.equal((await shell.run('cat', { signal: notAborted })).stdout.length, 0);
    const through = new PassThrough();
    const pieces = through.toArray();
    await shell.run(`printf %s ${quote("it's")}`, { output: through, signal: notAborted });
    assert.equal(Buffer.concat((await pieces) as Buffer[]).toString(), "it's");
  });

  it('end with their signal, their deadline, or the reader of their output', async () => {
    const shell = localShell();
    const stop = new AbortController();
    const stopped = shell.run('sleep 60', { signal: stop.signal });
    stop.abort(new Error('stopped'));
    await assert.rejects(stopped, /stopped/);
    await assert.rejects(shell.run('sleep 60', { signal: notAborted, deadlineMs: 100 }), { code: 'TIMED_OUT' });
    const full = new Writable({ write: (_piece, _encoding, done) => done(new Error('full')) });
    await assert.rejects(shell.run('cat /dev/zero', { output: full, signal: notAborted }), /full/);
  });

  it('go through ssh, which asks nothing and makes no terminal', async () => {
    const shell = sshShell('carapace-node', withSsh('printf "%s|" "$@"'));
    const { stdout } = await shell.run('echo "a b"', { signal: notAborted });
    const said = stdout.toString();
    assert.match(said, /^-T\|-o\|BatchMode=yes\|.*ConnectTimeout=\d+\|.*--\|carapace-node\|echo "a b"\|$/);
  });

  it('say so where the server or ssh is not there', async () => {
    const refused = withSsh('echo "ssh: connect to host x port 22: Connection refused" >&2; exit 255');
    await assert.rejects(sshShell('carapace-node', refused).run('true', { signal: notAborted }), {
      code: 'UNAVAILABLE',
      message: 'The server carapace-node cannot be reached by SSH: ssh: connect to host x port 22: Connection refused.',
    });
    await assert.rejects(sshShell('x', { PATH: '/nowhere' }).run('true', { signal: notAborted }), {
      code: 'UNAVAILABLE',
    });
  });

  it('are checked for an entry and a connection', async () => {
    const entry = 'if [ "$1" = -G ]; then echo "user ubuntu"; echo "hostname 203.0.113.10"; exit; fi;';
    await checkSsh('carapace-node', withSsh(`${entry} exit 0`), notAborted);
    const closed = withSsh(`${entry} echo "Connection timed out" >&2; exit 255`);
    await assert.rejects(checkSsh('carapace-node', closed, notAborted), {
      code: 'UNAVAILABLE',
      message:
        'The server carapace-node (203.0.113.10) does not let SSH in: Connection timed out. Check that it is running and that this network lets SSH through.',
    });
    const without = withSsh('echo "hostname carapace-node"');
    await assert.rejects(checkSsh('carapace-node', without, notAborted), /has no entry for carapace-node\./);
  });

  it('are checked with the real ssh', async () => {
    await assert.rejects(
      checkSsh('carapace-no-such-node', cleanEnvironment(), notAborted),
      /has no entry for carapace-no-such-node\./,
    );
  });
});
