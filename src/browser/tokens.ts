/** Tokens that requests of a page are sent with. */
import type { TokenSource } from './fetch-transport.ts';

/** One that nothing renews. */
export function constantToken(token: string): TokenSource {
  return { current: () => Promise.resolve(token), refused: () => undefined };
}
