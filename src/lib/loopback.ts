/** Addresses of this machine. */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether what goes there stays on this machine. @param hostname as `URL` tells it */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}
