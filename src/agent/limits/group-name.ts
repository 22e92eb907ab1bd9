/** The names of groups become names of folders and of systemd's units. */
import { InvalidInputError } from '../../protocol/errors.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** @throws InvalidInputError for a name that could mean another folder or unit */
export function requireGroupName(name: string): string {
  if (NAME.test(name)) return name;
  throw new InvalidInputError(
    `"${name}" cannot name a group of processes: it takes up to 64 lowercase letters, digits and hyphens.`,
  );
}
