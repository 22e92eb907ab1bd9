import assert from 'node:assert/strict';
import { TERMINAL } from '../../../src/protocol/terminal.ts';
import { READ_BYTES, waitFor, type FlowState } from '../../../src/workspace/terminal/flow.ts';

const calm: FlowState = { paused: false, end: 0, writers: [0], departed: 0, waited: false };

describe('flow control of a session', () => {
  it('pauses at 100,000 unacknowledged bytes and goes on under 5,000', () => {
    assert.equal(waitFor({ ...calm, end: 99_999 }), 'none');
    assert.equal(waitFor({ ...calm, end: 100_000 }), 'writer');
    assert.equal(waitFor({ ...calm, paused: true, end: 5000 }), 'writer');
    assert.equal(waitFor({ ...calm, paused: true, end: 4999 }), 'none');
  });

  it('waits for the slowest writer', () => {
    assert.equal(waitFor({ ...calm, end: 200_000, writers: [200_000, 99_000, 150_000] }), 'writer');
    assert.equal(waitFor({ ...calm, end: 200_000, writers: [200_000, 101_000] }), 'none');
  });

  it('without a writer fills the ring with what the last one has not seen, then waits', () => {
    const alone: FlowState = { ...calm, writers: [], departed: 500 };
    const room = TERMINAL.ringBytes - READ_BYTES;
    assert.equal(waitFor({ ...alone, end: 500 + room }), 'none');
    assert.equal(waitFor({ ...alone, end: 500 + room + 1 }), 'ring');
    assert.equal(waitFor({ ...alone, paused: true, end: 500 + room + 1 }), 'ring');
  });

  it('goes on, overwriting, once it has waited long enough', () => {
    assert.equal(waitFor({ ...calm, writers: [], paused: true, waited: true, end: 10 * TERMINAL.ringBytes }), 'none');
  });

  it('never lets one read overwrite what the last writer has not seen', () => {
    const fullest = TERMINAL.ringBytes - READ_BYTES;
    assert.equal(waitFor({ ...calm, writers: [], end: fullest }), 'none');
    assert.ok(fullest + READ_BYTES <= TERMINAL.ringBytes);
  });
});
