import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../../../src/lib/find-program.ts';
import { readLinks } from '../../../../src/agent/network/kernel-state.ts';
import { batch, inNamespace, run } from '../../../../src/agent/network/programs.ts';
import { UnavailableError } from '../../../../src/protocol/errors.ts';

describe('The programs of the network', () => {
  it('say by the line what could not be done', async function () {
    if (findProgram('ip') === undefined) this.skip();
    const input = batch(['link show lo', 'link show nothing-here', 'link show lo']);
    await rejects(run(['ip', '-batch', '-'], { input }), (error) => {
      ok(error instanceof UnavailableError);
      match(error.message, /"ip link show nothing-here" failed: Device "nothing-here" does not exist/);
      return true;
    });
  });

  it('end when they are no longer wanted', async function () {
    if (findProgram('ip') === undefined) this.skip();
    const reason = new Error('enough');
    const aborted = new AbortController();
    const watching = run(['ip', 'monitor'], { signal: aborted.signal });
    setTimeout(() => aborted.abort(reason), 50);
    await rejects(watching, reason);
    await rejects(run(['ip', 'link'], { signal: aborted.signal }), reason);
  });

  it('get nothing of the environment', async function () {
    if (findProgram('nsenter') === undefined) this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'carapace-programs-'));
    try {
      // `env` under a name that is run.
      symlinkSync('/usr/bin/env', join(folder, 'tc'));
      const path = process.env['PATH'];
      process.env['PATH'] = `${folder}:${path ?? ''}`;
      const told = await run(['tc']).finally(() => (process.env['PATH'] = path));
      deepEqual(
        told
          .split('\n')
          .map((line) => line.split('=')[0])
          .filter((name) => name !== '')
          .sort(),
        ['LC_ALL', 'PATH'],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('run in a namespace without one of mounts', () => {
    deepEqual(inNamespace('/run/netns/x', ['ip', 'link']), ['nsenter', '--net=/run/netns/x', '--', 'ip', 'link']);
  });
});

describe('The list of links', () => {
  it('passes over what vanished while it was made', () => {
    const links = readLinks('[{},{"ifname":"lo","flags":["UP"],"mtu":65536}]');
    deepEqual([...links.keys()], ['lo']);
    equal(readLinks('').size, 0);
    throws(() => readLinks('[{"ifname":7}]'));
  });
});
