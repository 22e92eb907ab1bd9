import assert from 'node:assert/strict';
import { operationMs, seatsAtOnce, workerTimes } from '../../../../src/provisioning/workers/local/worker-times.ts';
import { TIMING } from '../fixtures.ts';

describe('the times of a local worker', () => {
  it('are those of the interfaces for processes', () => {
    const { agentHealthMs, seatMs, resetMs } = workerTimes('process', TIMING);
    assert.deepEqual([agentHealthMs, seatMs, resetMs], [120_000, 30_000, 60_000]);
    assert.equal(operationMs(210_000, 'process', 500, TIMING), 210_000);
  });

  it('leave machines the time that they need without KVM, and their operations a share for each seat', () => {
    for (const runtime of ['qemu', 'firecracker'] as const) {
      const times = workerTimes(runtime, TIMING);
      assert.ok(times.agentHealthMs >= 180_000 && times.seatMs >= 180_000 && times.resetMs >= 180_000);
      assert.ok(times.callMs > times.seatMs, 'the agent gives up first, and says why');
    }
    const [few, many] = [operationMs(210_000, 'qemu', 1, TIMING), operationMs(210_000, 'qemu', 240, TIMING)];
    assert.ok(few >= 210_000 + 300_000 + 180_000 && many > few);
    assert.equal(operationMs(1, 'auto', 1, TIMING), operationMs(1, 'qemu', 1, TIMING), 'it may become a machine');
  });

  it('bound how many seats are made at once by the processors', () => {
    assert.equal(seatsAtOnce('process', false, 2), 4);
    assert.equal(seatsAtOnce('qemu', true, 4), 8);
    assert.equal(seatsAtOnce('qemu', false, 2), 2);
    assert.equal(seatsAtOnce('firecracker', true, 64), 16);
  });
});
