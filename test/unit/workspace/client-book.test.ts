import assert from 'node:assert/strict';
import { ClientBook, REMEMBERED_CLIENTS } from '../../../src/workspace/terminal/client-book.ts';

describe('the client book of a session', () => {
  it('finds a client again', () => {
    const book = new ClientBook();
    const record = book.connect('client-1');
    record.accepted = 42;
    book.disconnect(record, true);
    assert.equal(book.connect('client-1').accepted, 42);
  });

  it('does not remember a client without an id', () => {
    const book = new ClientBook();
    const record = book.connect(undefined);
    record.accepted = 42;
    book.disconnect(record, true);
    assert.equal(book.connect(undefined).accepted, 0);
    assert.equal(book.expectsAnyone, false);
  });

  it('forgets the longest unused client, never a connected one', () => {
    const book = new ClientBook();
    const first = book.connect('connected');
    first.accepted = 1;
    for (let index = 0; index < REMEMBERED_CLIENTS + 5; index++) {
      const record = book.connect(`client-${index}`);
      record.accepted = 1;
      book.disconnect(record, false);
    }
    assert.equal(book.connect('connected').accepted, 1);
    assert.equal(book.connect('client-0').accepted, 0);
    assert.equal(book.connect(`client-${REMEMBERED_CLIENTS + 4}`).accepted, 1);
  });

  it('expects a client that was cut until it is back', () => {
    const book = new ClientBook();
    book.disconnect(book.connect('client-1'), true);
    assert.equal(book.expectsAnyone, true);
    const again = book.connect('client-1');
    assert.equal(book.expectsAnyone, false);
    book.disconnect(again, false);
    assert.equal(book.expectsAnyone, false);
  });

  it('takes a client as connected while a newer connection supersedes an older one', () => {
    const book = new ClientBook();
    const older = book.connect('client-1');
    const newer = book.connect('client-1');
    assert.equal(older, newer);
    book.disconnect(older, true);
    assert.equal(book.expectsAnyone, false);
  });
});
