import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AlreadyRunningError, ConflictError, DiskFullError, UnavailableError } from '../../../src/protocol/errors.ts';
import { migrate, MIGRATIONS } from '../../../src/provisioning/store/migrations.ts';
import { Store } from '../../../src/provisioning/store/store.ts';
import { addWorkshop, openStore, seatRow, workshopRow, type TestStore } from './fixtures.ts';

describe('the store', () => {
  let test: TestStore;
  beforeEach(() => (test = openStore()));
  afterEach(() => test.dispose());

  it('keeps what was written, for the user alone', () => {
    const row = addWorkshop(test, { error: { code: 'TIMED_OUT', message: 'too late' } });
    test.store.close();
    test = { ...test, store: Store.open(test.path) };
    assert.deepEqual(test.store.workshops.find(row.id), row);
    assert.deepEqual(test.store.seats.find(row.id, 2), seatRow(row, 2));
    assert.equal(statSync(test.path).mode & 0o777, 0o600);
    assert.equal(statSync(`${test.path}-wal`).mode & 0o777, 0o600);
  });

  it('is held by one process at a time', () => {
    assert.throws(() => Store.open(test.path), AlreadyRunningError);
    const program = `const { DatabaseSync } = require('node:sqlite');
      const d = new DatabaseSync(process.argv[1]);
      try { d.exec('BEGIN IMMEDIATE'); } catch (error) { process.exit(error.errcode & 0xff); }`;
    assert.equal(spawnSync(process.execPath, ['-e', program, test.path]).status, 5, 'SQLITE_BUSY');
    test.store.close();
    test = { ...test, store: Store.open(test.path) };
  });

  it('writes a transaction whole or not at all, and tells only what was written', () => {
    const rung: number[] = [];
    test.events.listen(() => rung.push(1));
    assert.throws(() =>
      test.store.transaction(() => {
        addWorkshop(test);
        throw new Error('in the middle');
      }),
    );
    assert.deepEqual(test.store.workshops.all(), []);
    assert.deepEqual(test.told(), []);
    assert.deepEqual(rung, []);
    test.store.transaction(() => {
      addWorkshop(test);
      assert.deepEqual(rung, [], 'nothing is told before the commit');
    });
    assert.ok(rung.length > 0);
  });

  it('removes a workshop with its seats and learners', () => {
    const row = addWorkshop(test);
    const joined = { seat: 1, name: 'Ada', joined_at: row.created_at, rejoin_hash: 'h' };
    test.store.learners.insert({ id: 'l1', workshop_id: row.id, ...joined });
    test.records.removeWorkshop(row.id);
    assert.deepEqual(test.store.seats.all(), []);
    assert.equal(test.store.learners.find('l1'), undefined);
  });

  it('refuses a second learner in a seat and a second running operation of a workshop', () => {
    const { id, created_at } = addWorkshop(test);
    const learner = { workshop_id: id, seat: 1, name: 'Ada', joined_at: created_at };
    test.store.learners.insert({ id: 'a', ...learner, rejoin_hash: 'a' });
    assert.throws(() => test.store.learners.insert({ id: 'b', ...learner, rejoin_hash: 'b' }), /UNIQUE/);
    const rest = { subject: 's', scope: id, seat: null, title: 't', status: 'running', step: null } as const;
    const times = { started_at: created_at, ended_at: null, deadline: created_at };
    const operation = { ...rest, ...times, cancel_requested: false, error: null };
    test.store.operations.insert({ id: 'op-1', kind: 'workshop.create', ...operation });
    assert.throws(() => test.store.operations.insert({ id: 'op-2', kind: 'workshop.stop', ...operation }), /UNIQUE/);
    test.store.operations.insert({ id: 'op-3', kind: 'workshop.delete', ...operation });
  });

  it('says that the disk is full, and goes on when there is room', () => {
    const { database } = test.store;
    database.run('PRAGMA max_page_count = 1');
    const big = 'x'.repeat(100_000);
    assert.throws(
      () => test.store.transaction(() => test.store.idempotency.insert('k', big, big, 'now')),
      DiskFullError,
    );
    database.run('PRAGMA max_page_count = 100000');
    test.store.transaction(() => test.store.idempotency.insert('k', 'hash', big, 'now'));
    assert.equal(test.store.idempotency.find('k', 'hash'), big);
    assert.throws(() => test.store.idempotency.find('k', 'another'), ConflictError);
  });

  it('numbers events upwards for good, and prunes them by age and count', () => {
    const event = { timestamp: '2026-01-01T00:00:00.000Z', type: 'progress', message: 'm', subject: 's' } as const;
    for (let n = 1; n <= 10; n += 1) test.store.events.append({ ...event, operation_id: `op-${n % 2}` }, null);
    assert.deepEqual(test.store.events.bounds(), { oldest: 1, newest: 10 });
    assert.deepEqual(
      test.store.events.after(2, 2, { operationId: 'op-1' }).map(({ id }) => id),
      [3, 5],
    );
    test.store.events.prune('2000-01-01T00:00:00.000Z', 4);
    assert.deepEqual(test.store.events.bounds(), { oldest: 7, newest: 10 });
    test.store.events.prune('2027-01-01T00:00:00.000Z', 4);
    assert.deepEqual(test.store.events.bounds(), { oldest: 11, newest: 10 });
    assert.equal(test.store.events.append(event, null), 11);
  });

  it('makes a secret once', () => {
    const secret = test.store.secrets.ensure('learner-token-key');
    assert.equal(Buffer.from(secret, 'base64url').length, 32);
    assert.equal(test.store.secrets.ensure('learner-token-key'), secret);
    test.store.secrets.remove('learner-token-key');
    assert.notEqual(test.store.secrets.ensure('learner-token-key'), secret);
  });
});

describe('the migrations of the store', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-migrations-'));
    path = join(folder, 'store.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const versionOf = (database: DatabaseSync) => database.prepare('PRAGMA user_version').get()?.['user_version'];

  it('are each done once, and a failing one leaves the version before it', () => {
    const database = new DatabaseSync(path);
    migrate(database, path, ['CREATE TABLE a (x)']);
    assert.equal(versionOf(database), 1);
    const broken = ['CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'CREATE TABLE c (x); CREATE TABLE a (x)'];
    assert.throws(() => migrate(database, path, broken), /already exists/);
    assert.equal(versionOf(database), 2);
    assert.equal(database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'c'`).get(), undefined);
    migrate(database, path, [...broken.slice(0, 2), 'CREATE TABLE c (x)']);
    assert.equal(versionOf(database), 3);
    database.close();
  });

  it('refuse a store of a newer program and leave it as it is', () => {
    const database = new DatabaseSync(path);
    database.exec(`CREATE TABLE precious (x); INSERT INTO precious VALUES (42);
      PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    database.close();
    assert.throws(
      () => Store.open(path),
      (error) => error instanceof UnavailableError && error.message.includes('newer') && error.message.includes(path),
    );
    const again = new DatabaseSync(path);
    assert.equal(again.prepare('SELECT x FROM precious').get()?.['x'], 42);
    again.close();
  });

  it('refuse a damaged file by its name and leave it as it is', () => {
    const damaged = `this is no database ${'.'.repeat(8_000)}`;
    writeFileSync(path, damaged);
    assert.throws(
      () => Store.open(path),
      (error) => error instanceof UnavailableError && error.message.includes(path),
    );
    assert.equal(readFileSync(path, 'utf8'), damaged);
  });

  it('refuse a file that cannot be opened by its name', () => {
    assert.throws(
      () => Store.open(join(path, 'below', 'store.db')),
      (error) => error instanceof UnavailableError && error.message.includes(path),
    );
  });

  it('make a store that takes rows of every state', () => {
    const store = Store.open(path);
    const row = workshopRow({ status: 'created' });
    store.workshops.insert(row);
    assert.deepEqual(store.workshops.findByCode(row.code), row);
    store.close();
  });
});
