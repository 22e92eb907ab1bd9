import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { readEvents } from '../../../src/client/events.ts';
import { readSse, type SseFrame } from '../../../src/client/sse.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

const idle = new AbortController().signal;

describe('readSse', () => {
  it('reads the same frames however the bytes were cut', async () => {
    const frames = fc.array(
      fc.record({ id: fc.nat(), data: fc.string({ unit: 'grapheme' }) }, { noNullPrototype: true }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (sent, sizes) => {
        const text = sent.map(({ id, data }) => `:\n\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`).join('');
        const bytes = Buffer.from(text);
        const chunks: Buffer[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = sizes[chunks.length % sizes.length]!;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const got: SseFrame[] = await collect(readSse(Readable.from(chunks)));
        assert.deepEqual(
          got.map(({ id, data }) => ({ id: Number(id), data: JSON.parse(data) as unknown })),
          sent,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('ends a stream that falls silent, and comments are no silence', async () => {
    const body = new PassThrough();
    const heart = setInterval(() => body.write(':\n\n'), 20);
    const reading = collect(readSse(body, 200));
    setTimeout(() => clearInterval(heart), 400);
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /nothing arrived for 0\.2 s/);
      return true;
    });
    assert.ok(body.destroyed);
  });

  it('destroys the stream when the reader leaves, and tells one that breaks', async () => {
    const body = new PassThrough();
    body.write('data: 1\n\ndata: 2\n\n');
    for await (const frame of readSse(body)) {
      assert.equal(frame.data, '1');
      break;
    }
    assert.ok(body.destroyed);
    const broken = new PassThrough();
    const reading = collect(readSse(broken));
    broken.destroy(new Error('cut'));
    await assert.rejects(reading, /broke: cut/);
  });

  it('does not gather a frame without end', async () => {
    const endless = new Readable({
      read() {
        this.push(`data: ${'x'.repeat(60_000)}\n`);
      },
    });
    await assert.rejects(collect(readSse(endless)), UnavailableError);
  });
});

describe('readEvents', () => {
  const event = { timestamp: '2026-01-01T00:00:00Z', type: 'progress', message: 'm', subject: 's' };
  const frame = (id: string, data: unknown): string => `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

  it('passes over what it does not know, and keeps the ids', async () => {
    const text =
      frame('3', { ...event, later: 1 }) +
      frame('4', { ...event, type: 'from-the-future' }) +
      'id: 5\ndata: {broken\n\n' +
      frame('x', event) +
      frame('6', event);
    const events = await collect(readEvents(Readable.from([Buffer.from(text)]), idle));
    assert.deepEqual(events, [
      { id: 3, event },
      { id: 6, event },
    ]);
  });
});
