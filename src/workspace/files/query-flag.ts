/** Yes or no in a query. */
import { InvalidInputError } from '../../protocol/errors.ts';

/** @throws InvalidInputError where it is neither `true` nor `false` */
export function flag(name: string, value: string | undefined): boolean {
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw new InvalidInputError(`"${name}" must be true or false.`, { path: name });
}
