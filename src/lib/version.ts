/** The version of this build: replaced by the bundler, and told as `0.0.0-source` when run from source. */
declare const CARAPACE_VERSION: string | undefined;

export const VERSION = typeof CARAPACE_VERSION === 'string' ? CARAPACE_VERSION : '0.0.0-source';

const NUMBERS = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})/;

/**
 * Whether `version` comes before `other`, by MAJOR.MINOR.PATCH alone: builds of one version count as the same, and what
 * is no version is not older.
 */
export function isOlder(version: string, other: string): boolean {
  const [ours, theirs] = [NUMBERS.exec(version), NUMBERS.exec(other)];
  if (ours === null || theirs === null) return false;
  for (const place of [1, 2, 3]) {
    const difference = Number(ours[place]) - Number(theirs[place]);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
