/** Names in an archive. */

/**
 * Whether a link at `name` may lead out of the folder that the names are relative to. A `..` behind another name counts as
 * out: that name may be a link itself.
 */
export function leadsOut(name: string, target: string): boolean {
  if (target.startsWith('/') || target === '' || target.includes('\0')) return true;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const firstName = parts.findIndex((part) => part !== '..');
  const up = firstName === -1 ? parts.length : firstName;
  return up > partsOf(name).length - 1 || parts.slice(up).includes('..');
}

/** Whether a name can be that of an entry: not absolute, no NUL, no `..`, not even where backslashes separate names. */
export function isInside(name: string): boolean {
  return name !== '' && !name.startsWith('/') && !name.includes('\0') && !name.split(/[\\/]/).includes('..');
}

/** The names that a path is made of. */
export function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
