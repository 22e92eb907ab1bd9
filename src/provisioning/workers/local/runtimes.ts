/** What seats of this machine can be, by what it has. Pure. */
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Missing, RuntimesAnswer } from '../../../protocol/runtimes.ts';
import type { Runtime, SeatRuntime } from '../../../protocol/workshop.ts';
import type { MachineFacts, MachineProgram } from './machine-facts.ts';

/** From the best to the one that every machine has. */
const PREFERRED: readonly SeatRuntime[] = ['firecracker', 'qemu', 'process'];

/** The command that gets an image. */
export const BUILD_IMAGES = 'images/build';

const SHARED_PROGRAMS: readonly MachineProgram[] = ['ip', 'tc', 'nft', 'nsenter', 'sysctl', 'mke2fs'];
const PROGRAMS: Readonly<Record<'firecracker' | 'qemu', readonly MachineProgram[]>> = {
  firecracker: ['firecracker', ...SHARED_PROGRAMS],
  qemu: ['qemu-system-x86_64', 'setpriv', ...SHARED_PROGRAMS],
};

/** How each program is got on Debian and Ubuntu; Firecracker has no package there. */
const INSTALL: Readonly<Record<MachineProgram, string | null>> = {
  'qemu-system-x86_64': 'apt-get install qemu-system-x86',
  firecracker: null,
  ip: 'apt-get install iproute2',
  tc: 'apt-get install iproute2',
  nft: 'apt-get install nftables',
  nsenter: 'apt-get install util-linux',
  setpriv: 'apt-get install util-linux',
  sysctl: 'apt-get install procps',
  mke2fs: 'apt-get install e2fsprogs',
};

/** Programs of which more than their name is told. */
const PROGRAM_TEXT: Readonly<Partial<Record<MachineProgram, string>>> = {
  firecracker:
    'the program firecracker (https://github.com/firecracker-microvm/firecracker/releases; which: images/worker/firecracker.sha256)',
};

/** What this machine lacks for seats of that kind. */
export function missingFor(runtime: SeatRuntime, facts: MachineFacts): Missing[] {
  if (runtime === 'process') return [];
  return [
    ...platformMissing(facts),
    ...privilegesMissing(facts),
    ...PROGRAMS[runtime]
      .filter((program) => facts.programs[program] === undefined)
      .map((program) => ({ what: PROGRAM_TEXT[program] ?? `the program ${program}`, command: INSTALL[program] })),
    ...(facts.hasTun ? [] : [{ what: '/dev/net/tun', command: 'modprobe tun' }]),
    ...imageMissing(facts),
    ...(runtime === 'firecracker' ? kvmMissing(facts) : []),
  ];
}

function platformMissing({ platform }: MachineFacts): Missing[] {
  return platform === 'linux x64' ? [] : [{ what: `Linux on x86-64 (this is ${platform})`, command: null }];
}

function privilegesMissing({ privileges }: MachineFacts): Missing[] {
  if (privileges === 'full') return [];
  if (privileges === 'none') return [{ what: 'root', command: null }];
  return [
    {
      what: 'the right to make networks (CAP_NET_ADMIN and CAP_SYS_ADMIN), which this container has not',
      command: null,
    },
  ];
}

function imageMissing({ image }: MachineFacts): Missing[] {
  if (image.state === 'present') return [];
  if (image.state === 'absent') return [{ what: `an image in ${image.folder}`, command: BUILD_IMAGES }];
  return [{ what: `an image that is whole (${image.problem.replace(/\.$/, '')})`, command: BUILD_IMAGES }];
}

/** Nothing is said of a device that could not be tried: what it was not tried for is missing already. */
function kvmMissing({ kvm }: MachineFacts): Missing[] {
  switch (kvm) {
    case 'works':
    case 'unproven':
      return [];
    case 'absent':
      return [{ what: 'KVM (there is no /dev/kvm)', command: null }];
    case 'denied':
      return [{ what: 'KVM (/dev/kvm is not for this user)', command: null }];
    case 'broken':
      return [{ what: 'a KVM that works (a machine that was started for a try did not run)', command: null }];
  }
}

/** What each runtime lacks, and what `auto` stands for. */
export function reportRuntimes(facts: MachineFacts): RuntimesAnswer {
  const runtimes = PREFERRED.map((runtime) => ({ runtime, missing: missingFor(runtime, facts) }));
  return { auto: bestRuntime(facts), runtimes };
}

function bestRuntime(facts: MachineFacts): SeatRuntime {
  return PREFERRED.find((runtime) => missingFor(runtime, facts).length === 0) ?? 'process';
}

/**
 * What seats of this machine become for what was asked for: never anything weaker than that.
 * @throws UnavailableError naming what is missing
 */
export function chooseRuntime(asked: Runtime, facts: MachineFacts): SeatRuntime {
  if (asked === 'auto') return bestRuntime(facts);
  const missing = missingFor(asked, facts);
  if (missing.length === 0) return asked;
  const list = missing.map(({ what, command }) => (command === null ? what : `${what} (get it: ${command})`));
  throw new UnavailableError(
    `This machine cannot make ${asked} seats. Missing: ${list.join('; ')}. Get that, or use the runtime "auto" or "process".`,
    { missing },
  );
}
