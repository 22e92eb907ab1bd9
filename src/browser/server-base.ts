/** Where the server is that a page came from. */

/**
 * The server's address, without a slash at its end; it may have a path, behind a proxy.
 * @param page the address of one of our pages, `/join` or `/seat`
 */
export function serverBase({ origin, pathname }: { readonly origin: string; readonly pathname: string }): string {
  return origin + pathname.replace(/\/(?:join|seat)\/?$/, '');
}
