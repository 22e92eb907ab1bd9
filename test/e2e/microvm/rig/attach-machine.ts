/** An agent that was started later: takes over a machine of another process, and tells what it finds as JSON. */
import { pino } from 'pino';
import { QemuHypervisor } from '../../../../src/agent/vmm/qemu/hypervisor.ts';
import { askSeat } from '../../../../src/agent/vmm/machine/seat-channel.ts';

const [folder = '', pid = '', startTime = ''] = process.argv.slice(2);
const signal = AbortSignal.timeout(60_000);

const hypervisor = new QemuHypervisor({ probeMemory: '/nowhere', log: pino({ level: 'silent' }) });
const machine = hypervisor.attach('later', folder, { pid: Number(pid), start_time: startTime });
if (machine === undefined) process.stdout.write('gone');
else {
  const { ok } = await askSeat(machine.channel, () => ({ op: 'status' }), { deadlineMs: 60_000, signal });
  await machine.consoleTail();
  await machine.kill();
  process.stdout.write(ok ? 'answered' : 'refused');
}
