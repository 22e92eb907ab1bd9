import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { t } from '../../../src/browser/language.ts';
import { connectionText, exitText, timeText } from '../../../src/browser/seat/texts.ts';
import { retryAfterSeconds, sentenceOf } from '../../../src/browser/sentence.ts';
import { serverBase } from '../../../src/browser/server-base.ts';
import { SlowDownError } from '../../../src/protocol/errors.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';

describe('what the page says', () => {
  it('of the time that is left', () => {
    const now = Date.parse('2026-01-01T12:00:00Z');
    const workshop = { status: 'running', expires_at: '2026-01-01T12:42:30Z' } as Workshop;
    assert.match(timeText({ workshop }, now), /^ends \d\d:\d\d, 42 min left$/);
    assert.match(timeText({ workshop: { ...workshop, status: 'stopped' } }, now), /^stopped/);
  });

  it('of the connection: what is uncertain first', () => {
    assert.equal(connectionText('joined', 'connected'), 'connected');
    assert.equal(connectionText('connecting', 'connected'), 'connected');
    assert.equal(connectionText('stale', 'connected'), 'reconnecting…');
    assert.equal(connectionText('joined', 'reconnecting'), 'reconnecting…');
    assert.equal(connectionText('joined', undefined), 'connecting…');
    assert.equal(connectionText('joined', 'closed'), 'no shell');
  });

  it('of an end and of an error', () => {
    assert.match(exitText({ code: 3, signal: null }), /exit code 3/);
    assert.match(exitText({ code: 0, signal: 'SIGKILL' }), /SIGKILL/);
    const slow = new SlowDownError('Too many.', { retry_after_seconds: 2.2 });
    assert.equal(sentenceOf(slow), 'Too many.');
    assert.equal(retryAfterSeconds(slow), 3);
    assert.equal(retryAfterSeconds(new SlowDownError('Too many.')), undefined);
    assert.equal(t('{1} of {0}', 3, '{0}'), '{0} of 3');
  });

  it('comes from the server that it is on, also below a path', () => {
    const at = (pathname: string): string => serverBase({ origin: 'https://x.example', pathname });
    assert.equal(at('/join'), 'https://x.example');
    assert.equal(at('/class/join/'), 'https://x.example/class');
    assert.equal(at('/class/seat'), 'https://x.example/class');
    assert.equal(at('/joint'), 'https://x.example/joint');
  });
});
