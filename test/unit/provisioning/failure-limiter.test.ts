import assert from 'node:assert/strict';
import { SlowDownError, UnauthorizedError } from '../../../src/protocol/errors.ts';
import { addressKey, FAILURES, TokenLimiter } from '../../../src/provisioning/failure-limiter.ts';

describe('the counting of failures', () => {
  it('is by address, and by network where one has as many addresses as it likes', () => {
    assert.equal(addressKey('192.0.2.1'), '192.0.2.1');
    assert.equal(addressKey('::ffff:192.0.2.1'), '192.0.2.1');
    const network = addressKey('2001:db8:1:2::1');
    for (const same of ['2001:db8:1:2::2', '2001:0db8:0001:0002:aaaa:bbbb:cccc:dddd', '2001:db8:1:2:0:0:0:1']) {
      assert.equal(addressKey(same), network, same);
    }
    for (const other of ['2001:db8:1:3::1', '2001:db8::1', '::1']) assert.notEqual(addressKey(other), network, other);
    assert.equal(addressKey('fe80::1%eth0'), addressKey('fe80::2%eth0'));
  });

  it('tells a token that is not valid from too many of them, for each address and for a while', () => {
    let now = 0;
    const limiter = new TokenLimiter(() => now);
    for (let n = 0; n < FAILURES.limit; n += 1)
      assert.ok(limiter.refusal('192.0.2.1', 'no') instanceof UnauthorizedError);
    const limited = limiter.refusal('192.0.2.1', 'no');
    assert.ok(limited instanceof SlowDownError);
    assert.equal(limited.details?.['retry_after_seconds'], FAILURES.windowMs / 1000);
    assert.ok(limiter.refusal('192.0.2.2', 'no') instanceof UnauthorizedError);
    now = FAILURES.windowMs;
    assert.ok(limiter.refusal('192.0.2.1', 'no') instanceof UnauthorizedError);
  });
});
