import assert from 'node:assert/strict';
import { entryJson, entryOf, entryText } from '../../../src/cli/logs/entry.ts';
import { localTime } from '../../../src/cli/render.ts';

describe('a line of a log', () => {
  const zone = process.env['TZ'];
  // Five hours and a half ahead of UTC, all year.
  before(() => (process.env['TZ'] = 'Asia/Kolkata'));
  after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  const time = '2026-03-04T21:34:05.007Z';
  const line = JSON.stringify({
    level: 'warn',
    time,
    pid: 7,
    msg: 'refused',
    path: '/x',
    err: { message: 'Too late.' },
  });

  it('is told to people in local time, as lists tell theirs', () => {
    const told = '2026-03-05 03:04:05.007 serve warn  refused  path=/x\n                        Too late.';
    assert.equal(entryText(entryOf('serve', line)), told);
    assert.ok(told.startsWith(localTime(time)));
  });

  it('stays as it was written for programs, in UTC', () => {
    assert.equal((JSON.parse(entryJson(entryOf('serve', line))) as { time: string }).time, time);
  });

  it('that has no time stands below those that have one', () => {
    assert.equal(entryText(entryOf('serve', 'bare words')), '                        serve  bare words');
    const odd = JSON.stringify({ level: 'info', time: 'once', msg: 'upon' });
    assert.equal(entryText(entryOf('serve', odd)), 'once serve info  upon');
  });
});
