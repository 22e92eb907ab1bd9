import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { english } from '../../../src/client/english.ts';
import { REASON, toldToLearner, UnreachableError, unreachableSentence } from '../../../src/client/unreachable.ts';
import { NotFoundError } from '../../../src/protocol/errors.ts';

const HOST = 'class.example.org:8443';

describe('a server that cannot be spoken to', () => {
  it('is told of in a sentence that says what to do', () => {
    for (const [reason, sentence] of [
      ['CERT_HAS_EXPIRED', /has expired\. Check the clock/],
      ['CERT_NOT_YET_VALID', /not valid yet\. Check the clock/],
      ['ERR_TLS_CERT_ALTNAME_INVALID', /made out to another name\. Check the link/],
      ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /^Nobody known to this machine vouches for/],
      ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak HTTPS as the link says \(ERR_SSL_WRONG_VERSION_NUMBER\)/],
      ['EPROTO', /does not speak HTTPS/],
      ['ENOTFOUND', /cannot be found\. Check the link/],
      ['ECONNREFUSED', /cannot be reached \(ECONNREFUSED\)\. Check the link/],
      [REASON.late, /does not answer\. Check the link/],
      [REASON.foreign, /is no Carapace server/],
    ] as const) {
      const told = unreachableSentence(reason, HOST, english);
      assert.match(told, sentence);
      assert.ok(told.includes(HOST), told);
    }
  });

  it('is told of to a learner by the address of the link, and other refusals as they are', async () => {
    const tell = (error: Error): Promise<unknown> =>
      toldToLearner(`https://${HOST}/base`, english, () => Promise.reject(error));
    const lost = new UnreachableError('Start one with "carapace serve".', 'ECONNRESET');
    lost.requestId = 'r7';
    await assert.rejects(tell(lost), (error) => {
      assert.ok(error instanceof UnreachableError);
      assert.equal(error.message, `The server ${HOST} cannot be reached (ECONNRESET). Check the link and the network.`);
      assert.equal(error.requestId, 'r7');
      return true;
    });
    const refused = new NotFoundError('No workshop has this join code.');
    await assert.rejects(tell(refused), (error) => error === refused);
    assert.equal(await toldToLearner(`https://${HOST}`, english, () => Promise.resolve(1)), 1);
  });
});
