import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { storeFinding } from '../../../src/cli/doctor/store.ts';
import { addWorkshop, openStore } from '../provisioning/fixtures.ts';
import { run } from './run.ts';

describe('what the doctor says of the store', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-doctor-store-'));
    path = join(folder, 'store.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What is left of a store whose control plane was killed: what it wrote last is beside the file. */
  const leaveStore = (): string => {
    const test = openStore();
    const { id } = addWorkshop(test);
    addWorkshop(test);
    const now = new Date().toISOString();
    const begun = {
      subject: `workshop/${id}`,
      scope: id,
      seat: null,
      title: 'Start',
      status: 'running',
      step: null,
    } as const;
    const times = { started_at: now, ended_at: null, deadline: now };
    const kind = 'workshop.start';
    test.store.operations.insert({ id: 'op-1', kind, ...begun, ...times, cancel_requested: false, error: null });
    for (const name of ['store.db', 'store.db-wal']) cpSync(join(test.folder, name), join(folder, name));
    test.dispose();
    return id;
  };
  /** The same store, with all that was written in its one file. */
  const change = (sql: string): void => {
    const connection = new DatabaseSync(path);
    connection.exec(sql);
    connection.close();
  };
  const contents = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(parentPath, name)))
          .digest('hex'),
      ]);
  /** With a folder of its own for what is temporary. */
  const withTemporary = async (temporary: string, work: () => Promise<void>): Promise<void> => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = temporary;
    try {
      await work();
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  };

  it('is that there is none yet', async () => {
    assert.deepEqual(await storeFinding(folder), {
      what: 'store',
      ok: true,
      said: 'none yet; the control plane makes it',
      next: null,
    });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is what it holds, also what was written last before a crash; nothing is changed, and no copy stays', async () => {
    leaveStore();
    const before = contents();
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    await withTemporary(temporary, async () => {
      const { stdout, code } = await run(['doctor', 'machine'], { CARAPACE_HOME: folder });
      assert.match(stdout, /^Store +ok +2 workshops, 1 unfinished operation$/m);
      assert.equal(code, 0);
    });
    assert.deepEqual(contents(), before);
    assert.deepEqual(readdirSync(temporary), []);
    await withTemporary(join(folder, 'nowhere'), async () => {
      const { said, next } = await storeFinding(folder);
      assert.match(said, /cannot be looked at: no copy of it can be written to .*nowhere$/);
      assert.match(next ?? '', /^Make room there/);
    });
  });

  it('is what is wrong with one that cannot be used, and what to do', async () => {
    leaveStore();
    change('PRAGMA user_version = 99');
    const newer = await storeFinding(folder);
    assert.ok(!newer.ok);
    assert.match(newer.said, /^The store \S+ was written by a newer Carapace \(schema 99, this one knows \d+\)$/);
    assert.ok(newer.said.includes(` ${path} `), newer.said);
    assert.match(newer.next ?? '', /^It was left as it is: use that version of Carapace/);

    leaveStore();
    change("UPDATE workshops SET status = 'asleep'");
    const foreign = await storeFinding(folder);
    assert.match(foreign.said, /store\.db holds what this version cannot read \(status: Invalid option/);
    assert.equal(foreign.next, 'Use the version of Carapace that wrote it, or move it away to begin anew.');

    leaveStore();
    change('DROP TABLE learners');
    assert.match((await storeFinding(folder)).said, /cannot read \(no such table: learners\)$/);

    writeFileSync(path, 'no store at all\n'.repeat(1000));
    const { stdout, code } = await run(['doctor', 'machine'], { CARAPACE_HOME: folder });
    assert.match(stdout, /^Store +BAD +The store \S+store\.db is damaged and was left as it is\n +Put a good copy in/m);
    assert.ok(stdout.includes(path));
    assert.equal(code, 1);
  });

  it('is that a part of it is damaged', async () => {
    leaveStore();
    change('PRAGMA journal_mode = DELETE');
    const bytes = readFileSync(path);
    bytes.fill(0xff, bytes.length - 4096 * 3);
    writeFileSync(path, bytes);
    const { ok, said, next } = await storeFinding(folder);
    assert.ok(!ok);
    assert.match(said, /^The store \S+ is damaged/);
    assert.match(next ?? '', /^Put a good copy in its place/);
    truncateSync(path, 0);
    assert.equal((await storeFinding(folder)).said, '0 workshops, 0 unfinished operations');
  });

  it('is that it cannot be read', async () => {
    mkdirSync(path);
    const { ok, said, next } = await storeFinding(folder);
    assert.deepEqual(
      [ok, said, next],
      [false, `${path} cannot be read (EISDIR)`, 'Check its permissions, its folder and its disk.'],
    );
  });

  it('names the folders of seats whose workshop it does not know, and no others', async () => {
    const known = leaveStore();
    mkdirSync(join(folder, 'worker/seats', known, '1'), { recursive: true });
    mkdirSync(join(folder, 'worker/seats/ws-empty'));
    mkdirSync(join(folder, 'worker/templates/ws-other/1'), { recursive: true });
    assert.ok((await storeFinding(folder)).ok);
    const lost = join(folder, 'worker-qemu/seats/ws-lost');
    mkdirSync(join(lost, '2'), { recursive: true });
    const { ok, said, next } = await storeFinding(folder);
    assert.ok(!ok);
    assert.equal(said, `2 workshops, 1 unfinished operation; it does not know the workshop whose seats are in ${lost}`);
    assert.match(next ?? '', /^Save what is wanted/);
    rmSync(path);
    rmSync(`${path}-wal`);
    assert.match((await storeFinding(folder)).said, /^none yet; .*it does not know the workshop/);
  });
});
