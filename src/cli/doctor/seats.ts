/** What `carapace doctor` says of seats on this machine. Pure. */
import type { KvmState } from '../../lib/kvm.ts';
import type { ImageState } from '../../lib/machine-image.ts';
import { runtimeText } from '../../lib/runtime-text.ts';
import type { Missing, RuntimesAnswer } from '../../protocol/runtimes.ts';
import type { MachineFacts } from '../../provisioning/workers/local/machine-facts.ts';
import { BUILD_IMAGES, reportRuntimes } from '../../provisioning/workers/local/runtimes.ts';
import { table } from '../render.ts';

/** What is known of the image, for programs. */
export interface ImageReport {
  readonly state: ImageState['state'];
  readonly folder: string;
  readonly id: string | null;
  readonly version: string | null;
  readonly problem: string | null;
}

export interface SeatsReport extends RuntimesAnswer {
  readonly kvm: KvmState;
  /** Whether machines would run on the processor itself; null where nobody could try. */
  readonly accelerated: boolean | null;
  readonly image: ImageReport;
}

export function seatsReport(facts: MachineFacts): SeatsReport {
  const { image, kvm } = facts;
  const manifest = image.state === 'present' ? image.manifest : null;
  return {
    ...reportRuntimes(facts),
    kvm,
    accelerated: kvm === 'unproven' ? null : kvm === 'works',
    image: {
      state: image.state,
      folder: image.folder,
      id: manifest?.id ?? null,
      version: manifest?.version ?? null,
      problem: image.state === 'present' ? null : image.problem,
    },
  };
}

/** Whether nothing is missing for seats that are machines. */
export function areSeatsWell({ auto, image }: SeatsReport): boolean {
  return auto !== 'process' && image.state === 'present';
}

const KVM_TEXT: Readonly<Record<KvmState, string>> = {
  absent:
    'there is no /dev/kvm: machines are emulated, which is slow. Switch on virtualization, nested where this is a virtual machine.',
  denied: '/dev/kvm is not for this user. Run this as root.',
  unproven: '/dev/kvm is there; whether it works can be tried once QEMU or Firecracker and an image are there.',
  broken:
    '/dev/kvm is there, but a machine that was started for a try did not run: machines are emulated, which is slow.',
  works: 'works: a machine that was started for a try ran.',
};

export function seatsText(facts: MachineFacts): string {
  const report = seatsReport(facts);
  const rows = report.runtimes.map(({ runtime, missing }) => [
    runtime,
    missing.length === 0 ? 'yes' : 'no',
    missing.length === 0 ? usableText(runtime, report) : missing.map(({ what }) => what).join('; '),
  ]);
  const commands = commandsOf(report);
  return [
    `Seats on this machine: the runtime "auto" is ${report.auto}.`,
    table(['RUNTIME', 'USABLE', 'WHAT IT IS, OR LACKS'], rows),
    `KVM: ${KVM_TEXT[report.kvm]}`,
    `Image: ${imageText(facts.image)}`,
    ...(commands.length === 0 ? [] : ['To get what is missing, as root:', ...commands.map((line) => `  ${line}`)]),
  ].join('\n');
}

function usableText(runtime: RuntimesAnswer['auto'], { accelerated }: SeatsReport): string {
  return runtimeText(runtime, accelerated);
}

function imageText(image: ImageState): string {
  if (image.state !== 'present') return image.problem;
  const { id, version, debian, kernel_release, node } = image.manifest;
  return `${id} in ${image.folder} (Carapace ${version}, Debian ${debian}, Linux ${kernel_release}, Node ${node}); its checksums are right.`;
}

/** Each command once; packages in one command; the image last, since it needs the rest. */
function commandsOf({ runtimes, image }: SeatsReport): string[] {
  const all = new Set(runtimes.flatMap(({ missing }) => missing.flatMap(commandOf)));
  const packages = [...all].flatMap((command) => (command.startsWith(APT) ? [command.slice(APT.length)] : []));
  const others = [...all].filter((command) => !command.startsWith(APT) && command !== BUILD_IMAGES);
  const build = image.state === 'present' ? [] : [`${BUILD_IMAGES}   (in a checkout of Carapace)`];
  return [...(packages.length === 0 ? [] : [APT + packages.join(' ')]), ...others, ...build];
}

const APT = 'apt-get install ';

function commandOf({ command }: Missing): string[] {
  return command === null ? [] : [command];
}
