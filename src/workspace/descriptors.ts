/** Starts programs without the open files that they must not get. */
import { existsSync } from 'node:fs';

/** The one common shell that can close descriptors above 9. */
const BASH = '/bin/bash';

/**
 * The command line that closes these descriptors and then becomes `command`. The masters of terminals need it: they are
 * opened without O_CLOEXEC, and as long as any program holds one, closing ours does not hang up. Where there is no
 * bash, the command as it is.
 */
export function withoutDescriptors(
  command: readonly [string, ...string[]],
  descriptors: readonly number[],
): readonly [string, ...string[]] {
  if (descriptors.length === 0 || !existsSync(BASH)) return command;
  const closing = descriptors.map((descriptor) => `${descriptor}>&-`).join(' ');
  return [BASH, '--noprofile', '--norc', '-c', `exec ${closing}; exec -- "$@"`, 'bash', ...command];
}
