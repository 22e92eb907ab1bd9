import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'mocha';
import { FILE_SENTENCES } from '../../../src/browser/files/file-sentences.ts';
import { JOIN_SENTENCES } from '../../../src/browser/join-sentences.ts';
import { locale, speak, t } from '../../../src/browser/language.ts';
import { terminalSentence } from '../../../src/browser/seat/terminal-sentence.ts';
import { timeText } from '../../../src/browser/seat/texts.ts';
import { sentenceOf } from '../../../src/browser/sentence.ts';
import { formatBytes } from '../../../src/client/format.ts';
import {
  type CarapaceError,
  DiskFullError,
  ForbiddenError,
  InternalError,
  NotFoundError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';

/** As a server answered it. */
function told(error: CarapaceError): CarapaceError {
  error.requestId = 'request-1';
  return error;
}

describe('the language of a page', () => {
  afterEach(() => void speak([]));

  it('is the first of the wanted ones that there is, else English', () => {
    const of = (...wanted: string[]): string[] => [speak(wanted), locale()];
    assert.deepEqual(of(), ['en', 'en']);
    assert.deepEqual(of('fr-FR', 'ja'), ['en', 'en']);
    assert.deepEqual(of('fr', 'de-AT', 'en-US'), ['de', 'de-AT']);
    assert.deepEqual(of('en-GB', 'de'), ['en', 'en-GB']);
    assert.deepEqual(of('DE'), ['de', 'DE']);
    assert.deepEqual(of('den', 'constructor', '', '*'), ['en', 'en']);
    assert.deepEqual(of('en-US@posix'), ['en', 'en']);
  });

  it('has its own texts, numbers, sizes and times', () => {
    assert.equal(t('and {0} more: use the terminal', 12_345), 'and 12,345 more: use the terminal');
    speak(['de-DE']);
    assert.equal(t('and {0} more: use the terminal', 12_345), 'und 12.345 weitere: benutzen Sie das Terminal');
    assert.equal(t('nobody has translated {0}', 1.5), 'nobody has translated 1,5');
    assert.equal(formatBytes(1.5 * 1024 * 1024, t, locale()), '1,5 MB');
    const now = Date.parse('2026-03-01T12:00:00Z');
    const workshop = { status: 'running', expires_at: '2026-03-05T12:00:00Z' } as Workshop;
    assert.match(timeText({ workshop }, now), /^endet \d+\. März, \d\d:\d\d, noch 4 Tage$/);
  });

  it('is that of errors: by their codes where a program has told them in English', () => {
    const missing = () => told(new NotFoundError('"a" does not exist.'));
    const own = new UnavailableError('in the language of the reader');
    assert.equal(sentenceOf(missing(), FILE_SENTENCES), '"a" does not exist.');
    speak(['de']);
    assert.equal(sentenceOf(missing(), FILE_SENTENCES), 'Das gibt es nicht mehr, oder der Platz läuft nicht.');
    assert.match(sentenceOf(missing(), JOIN_SENTENCES), /^Kein Workshop hat diesen Beitrittscode\./);
    assert.match(sentenceOf(told(new DiskFullError('No.')), FILE_SENTENCES), /^Die Festplatte dieses Platzes ist voll/);
    assert.equal(sentenceOf(own, FILE_SENTENCES), own.message);
    assert.equal(terminalSentence(new UnavailableError('Lost (1006).')), 'Die Verbindung zum Platz ist abgebrochen.');
    assert.equal(sentenceOf(new Error('x')), 'Auf dieser Seite ist etwas schiefgegangen: x.');
  });

  it('is English where nothing else can be said', () => {
    speak(['de']);
    assert.equal(sentenceOf(told(new InternalError('It broke.')), FILE_SENTENCES), 'It broke.');
    assert.equal(sentenceOf(told(new ForbiddenError('No.'))), 'No.');
    assert.equal(terminalSentence(new ForbiddenError('A view.')), 'A view.');
  });
});
