/**
 * Finds and ends what a machine runs as, without knowing its number: an agent may be killed between starting a machine
 * and writing that down. A process belongs to a machine
 * 1. by its **network namespace**, in which nothing else runs;
 * 2. by its **command line**, where it leads a session of its own, as machines do from the moment they are started,
 *    and has the machine's private folder in an argument. A person's command that names the folder leads none.
 *
 * This process and its ancestors never belong.
 */
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnavailableError } from '../../../protocol/errors.ts';
import { signalProcess } from '../process/end-processes.ts';
import { readProcesses, type ProcessEntry } from '../process/process-table.ts';

/** By what a machine's processes are known. */
export interface MachineSigns {
  /** The machine's private folder for sockets. */
  readonly sockets: string;
  /** `/run/netns/<name>`, where it has one. */
  readonly namespace: string | undefined;
}

const DEADLINE_MS = 15_000;
const PAUSE_MS = 10;

/** What tells one namespace from another; undefined where there is none. */
function namespaceId(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function readArguments(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Whether an argument is the folder or a path in it, alone or within something like `unix:FOLDER/qmp.sock,server=on`. */
function names(argument: string, folder: string): boolean {
  const at = argument.indexOf(folder);
  if (at < 0) return false;
  const next = argument.charAt(at + folder.length);
  return next === '' || next === '/' || next === ',';
}

/** This process and what it descends from. */
function ownLine(processes: ReadonlyMap<number, ProcessEntry>): Set<number> {
  const line = new Set<number>([1]);
  let pid: number | undefined = process.pid;
  while (pid !== undefined && !line.has(pid)) {
    line.add(pid);
    pid = processes.get(pid)?.parent;
  }
  return line;
}

/** The living processes of a machine. */
export function findMachineProcesses(signs: MachineSigns): ProcessEntry[] {
  const processes = readProcesses();
  const spared = ownLine(processes);
  const found = signs.namespace === undefined ? undefined : namespaceId(signs.namespace);
  // A namespace that is gone leaves an ordinary file, or this process's own namespace, under its name.
  const namespace = found === namespaceId('/proc/self/ns/net') ? undefined : found;
  return [...processes.values()].filter((entry) => {
    if (spared.has(entry.pid)) return false;
    if (namespace !== undefined && namespaceId(`/proc/${entry.pid}/ns/net`) === namespace) return true;
    return entry.session === entry.pid && readArguments(entry.pid).some((argument) => names(argument, signs.sockets));
  });
}

/** Kills the processes of a machine until there are none. @throws UnavailableError naming those that still run after 15 s */
export async function endMachineProcesses(signs: MachineSigns): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = findMachineProcesses(signs);
    if (found.length === 0) return;
    for (const entry of found) signalProcess(entry, 'SIGKILL');
    if (performance.now() > deadline) {
      const list = found.map((entry) => `${entry.pid} (${entry.name})`).join(', ');
      throw new UnavailableError(`Some processes of the seat could not be ended: ${list}. End them and try again.`);
    }
    await sleep(PAUSE_MS);
  }
}
