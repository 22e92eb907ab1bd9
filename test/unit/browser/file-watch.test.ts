import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { FileWatch } from '../../../src/browser/files/file-watch.ts';
import type { PageFiles } from '../../../src/browser/files/page-files.ts';
import { TooLargeError } from '../../../src/protocol/errors.ts';
import type { WatchEvent } from '../../../src/protocol/files.ts';

describe('the watch of the page', () => {
  it('has a folder read at once where there is too much to be watched', async () => {
    const told: WatchEvent[] = [];
    let asked = 0;
    // eslint-disable-next-line require-yield -- as it refuses
    async function* refuse(): AsyncGenerator<WatchEvent, never, undefined> {
      asked += 1;
      await Promise.resolve();
      throw new TooLargeError('more than a seat watches');
    }
    const watch = new FileWatch({ watch: refuse } as unknown as PageFiles, (event) => told.push(event));
    watch.follow(true);
    await sleep(20);
    watch.follow(false);
    assert.deepEqual(told, [{ type: 'reset' }]);
    assert.equal(asked, 1);
  });
});
