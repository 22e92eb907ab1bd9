/** Names for what is not finished. */
import { kernelRandomBytes } from '../kernel-random.ts';

const unfinished = new Set<string>();

/** Runs `work` with a fresh name for something that gets its own name, or is removed, before `work` ends. */
export async function withTemporaryName<T>(work: (name: string) => Promise<T>): Promise<T> {
  const name = `.carapace-unfinished-${kernelRandomBytes(8).toString('hex')}`;
  unfinished.add(name);
  try {
    return await work(name);
  } finally {
    unfinished.delete(name);
  }
}

/** Whether something is being made just now: listings do not show it. What a crash left is shown, to be deleted. */
export function isTemporary(name: string): boolean {
  return unfinished.has(name);
}
