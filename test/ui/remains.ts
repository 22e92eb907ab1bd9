/** What a workshop leaves on the machine, as `ps` and `ls` would tell it. */
import { readdirSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../support/processes.ts';

export interface Remains {
  /** The agent, the programs of seats, and whatever was started in a seat. */
  readonly processes: string[];
  readonly sockets: string[];
  readonly seatFolders: string[];
}

export function remainsOf(home: string): Remains {
  // All of it is started with this folder's name: in its command line, its environment, or as its current folder.
  const worker = join(home, 'worker');
  return {
    processes: processesNaming(worker).map(({ command }) => command),
    sockets: entries(home, (entry) => entry.isSocket()),
    seatFolders: entries(join(worker, 'seats'), (entry) => entry.isDirectory()),
  };
}

function entries(folder: string, keep: (entry: Dirent) => boolean): string[] {
  try {
    const found = readdirSync(folder, { recursive: true, withFileTypes: true });
    return found.filter(keep).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}
