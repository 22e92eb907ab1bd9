/** Queries and percent-encoding, decoded strictly. */
import { InvalidInputError } from '../../protocol/errors.ts';

/** @throws InvalidInputError where it is not percent-encoded UTF-8 */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidInputError('The address is not valid: its percent-encoding is not UTF-8.');
  }
}

/**
 * The fields of a query (WHATWG URL, application/x-www-form-urlencoded, but strict).
 * @throws InvalidInputError where a field comes twice or is not one of `known`
 */
export function parseQuery<K extends string>(query: string, known: readonly K[]): Partial<Record<K, string>> {
  const fields = new Map<string, string>();
  for (const part of query.split('&').filter((text) => text !== '')) {
    const [name = '', ...rest] = part.split('=');
    const key = decodePercent(name.replaceAll('+', ' '));
    if (!known.some((field) => field === key))
      throw new InvalidInputError(`"${key}" is not a field of this call's query.`, { path: key });
    if (fields.has(key)) throw new InvalidInputError(`"${key}" stands twice in the query.`, { path: key });
    fields.set(key, decodePercent(rest.join('=').replaceAll('+', ' ')));
  }
  return Object.fromEntries(fields) as Partial<Record<K, string>>;
}
