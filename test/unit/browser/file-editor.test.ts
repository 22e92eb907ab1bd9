import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { FileEditor } from '../../../src/browser/files/file-editor.ts';
import type { PageFiles } from '../../../src/browser/files/page-files.ts';
import { ChangedError } from '../../../src/protocol/errors.ts';
import type { FileEntry } from '../../../src/protocol/files.ts';
import { FakeElement, fakeDocument, installFakeDocument } from './fake-document.ts';

/** The seat's files, whose answers can be held back. */
class Seat {
  readonly texts = new Map<string, string>();
  held: Promise<void> | undefined;

  async readUpTo(_limit: number, path: string) {
    const text = this.texts.get(path) ?? '';
    await this.held;
    return { bytes: new TextEncoder().encode(text), etag: text };
  }

  stat(path: string) {
    return Promise.resolve({ etag: this.texts.get(path) ?? '' });
  }

  write(path: string, bytes: Uint8Array, { ifMatch }: { readonly ifMatch?: string } = {}) {
    if (ifMatch !== undefined && ifMatch !== this.texts.get(path)) return Promise.reject(new ChangedError('changed'));
    const text = new TextDecoder().decode(bytes);
    this.texts.set(path, text);
    return Promise.resolve({ etag: text });
  }
}

describe('the editor of the page', () => {
  let seat: Seat;
  let host: FakeElement;
  let editor: FileEditor;
  let takeAway: () => void;
  beforeEach(() => {
    takeAway = installFakeDocument();
    seat = new Seat();
    host = new FakeElement('section');
    const files = seat as unknown as PageFiles;
    editor = new FileEditor({ host: host as unknown as HTMLElement, files, closed: () => undefined });
    for (const name of ['a', 'b', 'c']) seat.texts.set(name, `text of ${name}`);
  });
  afterEach(() => takeAway());

  const open = (name: string) => editor.open({ path: name, name, size: 10 } as FileEntry);
  const shown = () => host.one('textarea').value;
  const type = (text: string) => (host.one('textarea').value = text);
  const settled = () => sleep(5);
  const press = async (text: string, where = host) => {
    where.press(text);
    await settled();
  };
  const dialog = () => fakeDocument.body.one('dialog');
  const isAsked = () => fakeDocument.body.children.length > 0;
  /** Something has changed in the seat, and the editor has had time to look. */
  const notice = async (path: string, text: string) => {
    seat.texts.set(path, text);
    editor.take({ type: 'changed', path });
    await sleep(200);
  };
  const takeTheirs = async () => {
    type('mine');
    await notice('a', 'theirs');
    await press('Save');
    await press('Reload theirs', dialog());
    assert.equal(shown(), 'theirs');
  };

  it('opens the file that was wanted last, whichever answer comes first', async () => {
    const slow = Promise.withResolvers<undefined>();
    seat.held = slow.promise;
    const first = open('a');
    await settled();
    seat.held = undefined;
    await open('b');
    type('typed');
    slow.resolve(undefined);
    await first;
    assert.equal(shown(), 'typed');
    assert.ok(!isAsked());
  });

  it('asks about what was typed while another file was on its way', async () => {
    await open('a');
    const slow = Promise.withResolvers<undefined>();
    seat.held = slow.promise;
    const opening = open('b');
    await settled();
    type('typed meanwhile');
    slow.resolve(undefined);
    await settled();
    assert.ok(isAsked());
    await press('Cancel', dialog());
    await opening;
    assert.equal(shown(), 'typed meanwhile');
    assert.ok(editor.isChanged);
  });

  it('asks once about changes that are given up', async () => {
    await open('a');
    type('typed');
    const opening = open('b');
    await press('Discard my changes', dialog());
    await opening;
    assert.equal(shown(), 'text of b');
    assert.ok(!isAsked() && !editor.isChanged);
  });

  it('keeps what was typed at hand, however often theirs changes after it', async () => {
    await open('a');
    await takeTheirs();
    await notice('a', 'theirs once more');
    assert.equal(shown(), 'theirs once more');
    await press('Save');
    assert.ok(editor.isChanged, 'the page would still lose something');
    await press('Back to mine');
    assert.equal(shown(), 'mine');
    await press('Save');
    assert.equal(seat.texts.get('a'), 'mine');
    assert.ok(!editor.isChanged);
  });

  it('goes back and forth between both texts once theirs was edited, too', async () => {
    await open('a');
    await takeTheirs();
    type('theirs and more');
    await press('Back to mine');
    assert.equal(shown(), 'mine');
    await press('Back to mine');
    assert.equal(shown(), 'theirs and more');
  });

  it('asks before it gives up the text that it keeps at hand', async () => {
    await open('a');
    await takeTheirs();
    const kept = editor.close();
    await press('Cancel', dialog());
    assert.equal(await kept, false);
    const closed = editor.close();
    await press('Discard my changes', dialog());
    assert.equal(await closed, true);
    assert.ok(!editor.isChanged);
  });
});
