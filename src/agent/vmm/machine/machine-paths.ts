/** Where the parts of one machine are, and what it is called. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { MAX_SOCKET_PATH } from '../../../lib/state-folder.ts';
import { InvalidInputError } from '../../../protocol/errors.ts';
import type { SeatKey } from '../driver.ts';

export interface MachinePaths {
  /** Unique on this worker, whatever other agents there are: names the machine and its limits. */
  readonly name: string;
  readonly folder: string;
  readonly stateFile: string;
  readonly disk: string;
  /** For the hypervisor's sockets and logs. */
  readonly sockets: string;
}

/** The agent's two folders, absolute and without symbolic links. */
export interface Roots {
  readonly state: string;
  readonly sockets: string;
}

/** Short, since names are: what tells this agent's machines from those of another one on the same worker. */
export function ownerOf(roots: Roots): string {
  return createHash('sha256').update(roots.state).digest('hex').slice(0, 8);
}

/** Longest name in which a workshop's id stands as it is. */
const READABLE_NAME = 40;

/** Room for `/` and the longest name that a hypervisor gives a socket. */
const SOCKET_NAME_ROOM = 24;

/** @param label unique among the machines of this agent */
export function machinePaths(roots: Roots, folder: string, label: string): MachinePaths {
  return {
    name: `${ownerOf(roots)}-${label}`,
    folder,
    stateFile: join(folder, 'state.json'),
    disk: join(folder, 'disk.raw'),
    sockets: join(roots.sockets, label),
  };
}

/** `seat-ws-7k2m9xq4-3`; a long id is replaced by its hash. */
export function seatLabel(key: SeatKey): string {
  const text = `${key.workshopId}-${key.seatId}`;
  const name = `seat-${text}`;
  return name.length <= READABLE_NAME ? name : `seat-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

export function seatsFolder(roots: Roots): string {
  return join(roots.state, 'seats');
}

/** @throws InvalidInputError where the sockets would have names that no socket can have */
export function seatMachinePaths(roots: Roots, key: SeatKey): MachinePaths {
  const folder = join(seatsFolder(roots), key.workshopId, String(key.seatId));
  const paths = machinePaths(roots, folder, seatLabel(key));
  if (paths.sockets.length + SOCKET_NAME_ROOM > MAX_SOCKET_PATH) {
    throw new InvalidInputError(
      `The path of ${roots.sockets} is too long for sockets: set SOCKET_DIR to a shorter one.`,
    );
  }
  return paths;
}

/** Outside the folder of the seats, and with a name that no seat has. */
export function probePaths(roots: Roots): MachinePaths {
  return machinePaths(roots, join(roots.state, 'probe'), 'probe');
}
