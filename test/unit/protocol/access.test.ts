import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'mocha';
import { workshopKey } from '../../../src/protocol/access.ts';

describe('the key of a workshop', () => {
  it('is the HMAC-SHA256 of its id under the secret of the worker', async () => {
    const key = await workshopKey('a secret', 'ws-23456789');
    assert.equal(
      Buffer.from(key).toString('hex'),
      createHmac('sha256', 'a secret').update('ws-23456789').digest('hex'),
    );
  });
});
