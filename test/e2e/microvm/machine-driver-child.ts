/** An agent's driver in a process of its own, to be killed: `node machine-driver-child.ts STATE SOCKETS IMAGES SEAT`. */
import { createLog } from '../../../src/lib/log.ts';
import { createDriver } from '../../../src/agent/vmm/create-driver.ts';

const [, , stateFolder = '', socketFolder = '', imagesFolder = '', seat = ''] = process.argv;
const log = createLog('test', 'silent');
const driver = await createDriver({
  runtime: 'qemu',
  ...{ stateFolder, socketFolder, imagesFolder, workspaceProgram: 'none', log },
});
const { signal } = new AbortController();
const key = { workshopId: 'ws-killed', seatId: Number(seat) };
await driver.adopt(signal);
process.stdout.write('create\n');
await driver.create(key, {}, signal);
process.stdout.write('reset\n');
await driver.reset(key, signal);
process.stdout.write('done\n');
// Its seat is there until it is killed.
setInterval(() => undefined, 60_000);
