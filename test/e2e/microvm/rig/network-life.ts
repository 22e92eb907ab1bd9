/** All that a network does in its life, for tests that end it in the middle: network-life.ts. Says "held" with a seat held. */
import { pino } from 'pino';
import { WorkerNetwork } from '../../../../src/agent/network/worker-network.ts';

const { signal } = new AbortController();
const network = new WorkerNetwork({ owner: 'test', log: pino({ level: 'silent' }), ahead: 0 });
await network.open(signal);
await network.reap(new Set());
await network.take(1, signal);
if (process.argv[2] === 'hold') {
  process.stdout.write('held\n');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}
await network.adopt(1, signal);
await network.isWhole(1);
await network.release(1);
await network.close();
