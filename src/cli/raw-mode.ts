/** A terminal that hands on every key and changes nothing of what is shown. */
import { spawnSync } from 'node:child_process';
import type { Input } from './io.ts';

/** Puts a terminal into raw mode; answers what restores it, which also happens when the process ends in any other way. */
export function makeRaw(stdin: Input): () => void {
  if (!stdin.isTTY || stdin.setRawMode === undefined) return () => undefined;
  stdin.setRawMode(true);
  // Node's raw mode goes on turning LF into CR LF, which the seat's terminal has done already where it is wanted.
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  const restore = (): void => {
    process.off('exit', restore);
    stdin.setRawMode?.(false);
  };
  process.on('exit', restore);
  return restore;
}
