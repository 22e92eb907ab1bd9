/** Names for what is not finished. */
import { randomBytes } from 'node:crypto';

const PREFIX = '.carapace-unfinished-';
const PATTERN = /^\.carapace-unfinished-[0-9a-f]{16}$/;

/** A fresh name for something that gets its own name once it is whole. */
export function temporaryName(): string {
  return PREFIX + randomBytes(8).toString('hex');
}

/** Whether something is unfinished: listings do not show it. */
export function isTemporary(name: string): boolean {
  return PATTERN.test(name);
}
