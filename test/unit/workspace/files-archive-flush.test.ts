/** What PUT /archive has answered is on the disk, not only in memory. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorOf, FilesHarness } from './files-harness.ts';

interface Flush {
  /** Where it was. */
  readonly path: string;
  /** Whether something had been moved in by then. */
  readonly isIn: boolean;
}

describe('archives of files, flushed', () => {
  const files = new FilesHarness();
  let archive: Buffer;
  let flushes: Flush[];
  let failure: Error | undefined;
  let restore: () => void;

  beforeEach(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seat-files-flush-'));
    mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
    mkdirSync(join(folder, 'there'));
    for (const name of ['a.txt', 'sub/deep/b.txt', 'there/c.txt']) writeFileSync(join(folder, name), name);
    symlinkSync('a.txt', join(folder, 'link'));
    archive = execFileSync('tar', ['-czf', '-', '-C', folder, '.']);
    rmSync(folder, { recursive: true });
    [flushes, failure] = [[], undefined];
    const handle = await open('/dev/null');
    await handle.close();
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    const sync: (this: FileHandle) => Promise<void> = Reflect.get(prototype, 'sync');
    prototype.sync = function (this: FileHandle) {
      flushes.push({ path: readlinkSync(`/proc/self/fd/${this.fd}`), isIn: existsSync(files.inRoot('a.txt')) });
      return failure === undefined ? sync.call(this) : Promise.reject(failure);
    };
    restore = () => (prototype.sync = sync);
  });
  afterEach(() => restore());

  const put = () => files.call('PUT', '/archive?path=', { body: archive });

  it('flushes contents before they get their names, and then the folders that have new ones', async () => {
    mkdirSync(files.inRoot('there'));
    assert.equal((await put()).status, 204);
    const before = flushes.filter(({ isIn }) => !isIn).map(({ path }) => path.replace(/^.*\/new(\/|$)/, ''));
    assert.deepEqual(before.sort(), ['', 'a.txt', 'sub', 'sub/deep', 'sub/deep/b.txt', 'there', 'there/c.txt']);
    const after = new Set(flushes.filter(({ isIn }) => isIn).map(({ path }) => path));
    assert.deepEqual(after, new Set([files.inRoot(), files.inRoot('there')]));
  });

  it('leaves nothing, and nothing open, where the disk does not take it', async () => {
    const open = readdirSync('/proc/self/fd').length;
    failure = Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'fsync' });
    const answer = await put();
    assert.deepEqual([answer.status, errorOf(answer).code], [507, 'DISK_FULL'], answer.text);
    assert.deepEqual(readdirSync(files.inRoot()), []);
    assert.ok(readdirSync('/proc/self/fd').length <= open + 2);
  });

  it('takes a file system that cannot flush as it is', async () => {
    failure = Object.assign(new Error('invalid argument'), { code: 'EINVAL', syscall: 'fsync' });
    assert.equal((await put()).status, 204);
    assert.ok(existsSync(files.inRoot('sub', 'deep', 'b.txt')));
  });
});
