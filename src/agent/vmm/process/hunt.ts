/**
 * Finds the processes of a seat that is made of plain processes.
 *
 * A process belongs to the seat
 * 1. by its **marker**: its environment names the seat's folder, or a folder inside it, as {@link MARKER};
 * 2. by its **queue limit**, where it has no marker: the seat was started with a limit of its own, which every
 *    descendant inherits. It stays when a program clears its environment, leaves its session and changes its folder;
 * 3. by **descent**: its parent belongs, or the leader of its session does;
 * 4. as a **stray**: it is an orphan, its environment names no home outside the seat, and its working folder, its root
 *    or a file that it writes is in the seat's folder.
 *
 * What merely looks into the folder from outside does not belong: an editor, `tail -f`, a person's own shell that
 * stands in it all have a parent, or a home, outside. This process and its ancestors never belong.
 */
import { sep } from 'node:path';
import {
  readFolders,
  readProcesses,
  readQueueLimit,
  readVariable,
  readWrittenFiles,
  type ProcessEntry,
} from './process-table.ts';

/** The environment variable that names the seat's folder in each of its processes. */
export const MARKER = 'CARAPACE_SEAT';

/** By what a seat's processes are known. */
export interface SeatSigns {
  /** The seat's folder, absolute and without symbolic links. */
  readonly folder: string;
  /** The seat's own limit of bytes in message queues, if it has one. */
  readonly queueLimit: number | undefined;
}

type ProcessTable = ReadonlyMap<number, ProcessEntry>;

/** Whether a path is the folder or inside it; the kernel says so of what was deleted, too. */
function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep) || path === `${folder} (deleted)`;
}

/** This process and what it descends from. */
function ownLine(processes: ProcessTable): Set<number> {
  const line = new Set<number>([1]);
  let pid: number | undefined = process.pid;
  while (pid !== undefined && !line.has(pid)) {
    line.add(pid);
    pid = processes.get(pid)?.parent;
  }
  return line;
}

function isMarked(pid: number, signs: SeatSigns): boolean {
  const marker = readVariable(pid, MARKER);
  if (marker !== undefined) return isInside(marker, signs.folder);
  return signs.queueLimit !== undefined && readQueueLimit(pid) === signs.queueLimit;
}

/** Whether the process was left by its parent to the system's first process, or to a user's service manager. */
function isOrphan(entry: ProcessEntry, processes: ProcessTable): boolean {
  return entry.parent === 1 || processes.get(entry.parent)?.name === 'systemd';
}

function isStray(entry: ProcessEntry, processes: ProcessTable, folder: string): boolean {
  if (!isOrphan(entry, processes)) return false;
  const home = readVariable(entry.pid, 'HOME');
  if (home !== undefined && !isInside(home, folder)) return false;
  // The files last: they are the dearest to read.
  return (
    readFolders(entry.pid).some((path) => isInside(path, folder)) ||
    readWrittenFiles(entry.pid).some((path) => isInside(path, folder))
  );
}

/** Adds everything whose parent or session leader is among the members, to the last descendant. */
function addDescendants(members: Map<number, ProcessEntry>, candidates: readonly ProcessEntry[]): void {
  let size: number;
  do {
    size = members.size;
    for (const entry of candidates) {
      if (members.has(entry.parent) || members.has(entry.session)) members.set(entry.pid, entry);
    }
  } while (members.size > size);
}

/** The living processes of a seat. */
export function findSeatProcesses(signs: SeatSigns, processes: ProcessTable = readProcesses()): ProcessEntry[] {
  const spared = ownLine(processes);
  const candidates = [...processes.values()].filter((entry) => !spared.has(entry.pid));
  const members = new Map<number, ProcessEntry>();
  for (const entry of candidates) {
    if (isMarked(entry.pid, signs) || isStray(entry, processes, signs.folder)) members.set(entry.pid, entry);
  }
  addDescendants(members, candidates);
  return [...members.values()];
}

/** The seat folders under `root` that the environments of living processes name. */
export function findMarkedFolders(root: string): Set<string> {
  const processes = readProcesses();
  const spared = ownLine(processes);
  const folders = [...processes.keys()]
    .filter((pid) => !spared.has(pid))
    .map((pid) => readVariable(pid, MARKER))
    .filter((folder) => folder !== undefined && isInside(folder, root));
  return new Set(folders as string[]);
}
