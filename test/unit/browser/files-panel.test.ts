import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { FilesPanel } from '../../../src/browser/files/files-panel.ts';
import type { PageFiles } from '../../../src/browser/files/page-files.ts';
import { DiskFullError, NotFoundError, UnavailableError } from '../../../src/protocol/errors.ts';
import { FakeElement, installFakeDocument } from './fake-document.ts';

const FULL = 'The disk of the seat is full.';
const AWAY = 'The seat cannot be reached.';
/** Longer than changes are gathered. */
const GATHERED_MS = 200;

describe('the files on the page', () => {
  let host: FakeElement;
  let panel: FilesPanel;
  let writing: PromiseWithResolvers<{ etag: string }>;
  let isAway: boolean;
  let takeAway: () => void;
  beforeEach(() => {
    takeAway = installFakeDocument();
    host = new FakeElement('section');
    writing = Promise.withResolvers();
    isAway = false;
    const files = {
      list: () => (isAway ? Promise.reject(new UnavailableError(AWAY)) : Promise.resolve([])),
      stat: () => Promise.reject(new NotFoundError('not there')),
      write: () => writing.promise,
    } as unknown as PageFiles;
    const nothing = () => undefined;
    panel = new FilesPanel({ host: host as unknown as HTMLElement, files, edit: nothing, moved: nothing });
  });
  afterEach(() => takeAway());

  const drop = (...names: string[]) => {
    const files = names.map((name) => new File(['x'], name));
    host.dispatchEvent(Object.assign(new Event('drop', { cancelable: true }), { dataTransfer: { files } }));
    return sleep(5);
  };
  const problem = () => host.children.filter((child) => child instanceof FakeElement && child.tag === 'p').at(-1);
  const told = () => (problem() as FakeElement).textContent;

  it('tell why an upload has failed until something else is done, whatever happens in the folder', async () => {
    await drop('a.txt', 'b.txt');
    assert.ok(panel.isUploading);
    writing.reject(new DiskFullError(FULL));
    await sleep(5);
    assert.ok(!panel.isUploading);
    panel.take({ type: 'created', path: 'log.txt' });
    await sleep(GATHERED_MS);
    assert.equal(told(), FULL);
    writing = Promise.withResolvers();
    writing.resolve({ etag: '"1"' });
    await drop('a.txt');
    assert.equal(told(), '');
  });

  it('tell that a folder cannot be read for as long as it is so', async () => {
    isAway = true;
    panel.take({ type: 'reset' });
    await sleep(GATHERED_MS);
    assert.equal(told(), AWAY);
    isAway = false;
    panel.take({ type: 'reset' });
    await sleep(GATHERED_MS);
    assert.equal(told(), '');
  });
});
