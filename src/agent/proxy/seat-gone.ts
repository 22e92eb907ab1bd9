/** Notices that a seat is not the one any more that a long answer comes from: a machine that is ended does not say goodbye. */
import type { Admission, Gate } from './gate.ts';

const CHECK_MS = 1_000;

/** Calls `end` once the seat is reset or deleted, unless the function that comes back is called before. */
export function onceSeatGone({ seats }: Pick<Gate, 'seats'>, { target, seat }: Admission, end: () => void): () => void {
  const isGone = () => {
    try {
      const { status } = seats.get(target.key);
      // A seat that is unhealthy may only be busy.
      return status === 'resetting' || (status === 'ready' && seats.ready(target.key) !== seat);
    } catch {
      return true;
    }
  };
  const timer = setInterval(() => {
    if (!isGone()) return;
    clearInterval(timer);
    end();
  }, CHECK_MS);
  return () => clearInterval(timer);
}
