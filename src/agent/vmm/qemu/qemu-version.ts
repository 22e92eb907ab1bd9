/** Which QEMU there is. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UnavailableError } from '../../../protocol/errors.ts';

const run = promisify(execFile);

/** The command line needs what 7.2 has: `-M microvm` with ACPI, JSON for devices, `set-action`. Older ones are not known. */
const OLDEST = { major: 7, minor: 2 } as const;
const ANSWER_MS = 10_000;

export interface QemuVersion {
  /** With the distribution's own, such as `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)`. */
  readonly full: string;
  readonly major: number;
  readonly minor: number;
}

/** Undefined where the text is not what `--version` prints. */
export function parseVersion(text: string): QemuVersion | undefined {
  const match = /^QEMU emulator version (?<full>(?<major>\d+)\.(?<minor>\d+)[^\n]*)/.exec(text);
  const { full, major, minor } = match?.groups ?? {};
  if (full === undefined) return undefined;
  return { full: full.trim(), major: Number(major), minor: Number(minor) };
}

export function isTooOld(version: QemuVersion): boolean {
  return version.major < OLDEST.major || (version.major === OLDEST.major && version.minor < OLDEST.minor);
}

/** @throws UnavailableError where it does not say its version, or is too old; the signal's reason */
export async function readVersion(program: string, signal: AbortSignal): Promise<QemuVersion> {
  signal.throwIfAborted();
  let text: string;
  try {
    ({ stdout: text } = await run(program, ['--version'], { signal, timeout: ANSWER_MS, killSignal: 'SIGKILL' }));
  } catch (cause) {
    signal.throwIfAborted();
    throw new UnavailableError(`${program} does not start: ${String(cause)}`, undefined, { cause });
  }
  const version = parseVersion(text);
  if (version === undefined) throw new UnavailableError(`${program} is no QEMU: it does not say its version.`);
  if (!isTooOld(version)) return version;
  const needed = `${OLDEST.major}.${OLDEST.minor}`;
  throw new UnavailableError(`${program} is QEMU ${version.full}, which is too old: ${needed} or newer is needed.`);
}
