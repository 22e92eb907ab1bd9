import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { successor } from '../../../src/cli/own-control-plane.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';

/** No process has started then, so this is none that lives. */
const ENDED = { pid: 1, start_time: '0', url: 'http://127.0.0.1:9', token: 'gone', version: '0.0.1' };

describe('what comes after the control plane of this machine', () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'carapace-successor-'))));
  afterEach(() => rmSync(home, { recursive: true }));

  const next = (background: boolean) => {
    writeFileSync(join(home, 'daemon.json'), JSON.stringify({ ...ENDED, background }));
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const environment = { CARAPACE_HOME: home };
    // A program that is not there: whoever starts it fails.
    return successor({ stdin, stdout, stderr, environment, programFolder: '/nowhere', outcome: { code: 0 } });
  };

  it('is started, also where the file of the ended one is gone', async () => {
    const find = await next(true);
    await assert.rejects(find(new AbortController().signal), UnavailableError);
    rmSync(join(home, 'daemon.json'));
    await assert.rejects(find(new AbortController().signal), UnavailableError);
  });

  it('is waited for where a person had started the one that ended', async () => {
    const find = await next(false);
    assert.equal(await find(new AbortController().signal), undefined);
    rmSync(join(home, 'daemon.json'));
    assert.equal(await find(new AbortController().signal), undefined);
  });
});
