/** What Firecracker says when it refuses or ends, told so that somebody can do something about it. */
import {
  ConflictError,
  DiskFullError,
  NoCapacityError,
  UnavailableError,
  type CarapaceError,
  type ErrorDetails,
} from '../../../protocol/errors.ts';

interface Cause {
  readonly sign: RegExp;
  readonly error: new (message: string, details?: ErrorDetails) => CarapaceError;
  readonly message: string;
}

/** The first that fits is told. */
const CAUSES: readonly Cause[] = [
  {
    sign: /No space left on device|os error 28\b/,
    error: DiskFullError,
    message: "The worker's disk is full. Remove workshops or make the disk larger.",
  },
  {
    sign: /Cannot allocate memory|os error 12\b/,
    error: NoCapacityError,
    message: 'The worker has no memory left for this machine. Stop other seats or take a larger worker.',
  },
  {
    sign: /not supported (before|after) starting the microVM|LoadSnapshotNotAllowed|not allowed after configuring/,
    error: ConflictError,
    message: 'The machine is in another state than this was meant for.',
  },
  {
    sign: /\bKVM\b|\/dev\/kvm/,
    error: UnavailableError,
    message: 'The processor does not run machines here (KVM). Enable nested virtualization, or use the runtime "qemu".',
  },
  {
    sign: /tap device|TUN\/TAP|\bTapOpen\b/i,
    error: UnavailableError,
    message: "The seat's network device (TAP) is missing or in use. Reset the seat.",
  },
  {
    sign: /snapshot state|bitcode|CRC|TSC|CPU vendor|restore microVM state/i,
    error: UnavailableError,
    message: 'The snapshot does not fit this worker. Without it the seat starts slower.',
  },
  {
    sign: /kernel file|kernel image|Kernel Loader|initrd/i,
    error: UnavailableError,
    message: "The image's kernel or initramfs cannot be used. Build the images again.",
  },
  {
    sign: /os error 2\b|No such file or directory/,
    error: UnavailableError,
    message: 'A file of the machine is missing. Reset the seat, or build the images again.',
  },
];

/** @param request such as `PUT /logger` */
export function refusal(request: string, status: number, fault: string): CarapaceError {
  const cause = CAUSES.find(({ sign }) => sign.test(fault));
  const details = { request, status, fault_message: fault };
  const Cause = cause?.error ?? UnavailableError;
  return new Cause(`Firecracker refused ${request}: ${fault} ${cause?.message ?? ''}`.trim(), details);
}

/** Why the program ended by itself, by its exit code. */
const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'the machine was switched off or restarted from inside',
  1: 'an error that its output names',
  2: 'an error that it held to be impossible',
  148: 'it made a system call that its filter (seccomp) forbids; the host or its C library may be too new',
  149: 'a file under its memory became shorter (SIGBUS), or the host ran out of memory for it',
  150: 'it crashed (SIGSEGV)',
  151: 'it wrote a file beyond its limit (SIGXFSZ)',
  152: 'its configuration was bad',
  153: 'its arguments were bad; another version than the supported ones is installed',
  154: 'it used more processor time than it may (SIGXCPU)',
  155: 'a pipe was closed (SIGPIPE)',
  156: 'its terminal was closed (SIGHUP)',
  157: 'the processor lacks an instruction (SIGILL)',
};

/** How a process ended, as half a sentence. */
export function endingInWords(code: number | null, signal: string | null): string {
  if (signal === 'SIGKILL') return 'it was killed (SIGKILL), by somebody or because memory ran out';
  if (signal !== null) return `it was ended by ${signal}`;
  const known = code === null ? undefined : EXIT_CODES[code];
  return known === undefined ? `exit code ${code ?? 'unknown'}` : `${known} (exit code ${code})`;
}
