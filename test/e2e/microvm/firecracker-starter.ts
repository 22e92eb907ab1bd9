/** An agent that is about to be killed: boots one machine, says which process it is, and stays. Arguments: PATH, and the specification's parts as JSON. */
import { FirecrackerHypervisor } from '../../../src/agent/vmm/firecracker/hypervisor.ts';
import { PATIENT } from '../../fakes/firecracker/install.ts';
import type { MachineSpec } from '../../../src/agent/vmm/machine/hypervisor.ts';

const [path = '', kvm = '', text = ''] = process.argv.slice(2);
const parts = JSON.parse(text) as Omit<MachineSpec, 'confinement'>;
const signal = AbortSignal.timeout(30_000);
const hypervisor = new FirecrackerHypervisor({ path, kvm, ...PATIENT });
await hypervisor.prepare(parts.image, signal);
const machine = await hypervisor.boot({ ...parts, confinement: { wrap: (command) => command } }, signal);
process.stdout.write(`${JSON.stringify(machine.process)}\n`);
setInterval(() => undefined, 60_000);
