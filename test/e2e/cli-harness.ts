/** Runs the real command line on a home of its own, and counts what that leaves behind. */
import assert from 'node:assert/strict';
import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/client/connection.ts';
import { findControlPlane } from '../../src/client/daemon.ts';
import { readIfThere } from '../support/files.ts';
import { kill, processesNaming } from '../support/processes.ts';

export const CARAPACE = resolve(import.meta.dirname, '../../bin/carapace');

/** How long what ends by itself may take on a slow machine. */
const DEADLINE_MS = 60_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a home has on the machine, apart from its control plane's store and logs. */
export interface Census {
  readonly processes: readonly string[];
  readonly sockets: readonly string[];
  readonly ports: number;
  readonly folders: readonly string[];
}

export class TestHome {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-cli-')));

  get environment(): Record<string, string> {
    const own = { HOME: this.folder, CARAPACE_HOME: this.folder, IMAGES_DIR: join(this.folder, 'no-images') };
    return { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', ...own };
  }

  /** Runs `bin/carapace` to its end, with `input` on its standard input. */
  run(words: readonly string[], input = '', environment: Record<string, string> = {}): Promise<Ran> {
    return new Promise((done) => {
      const options = { env: { ...this.environment, ...environment }, maxBuffer: 64 * 1024 * 1024, timeout: 120_000 };
      const child = execFile(CARAPACE, words, options, (error: ExecFileException | null, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
      child.stdin?.end(input);
    });
  }

  /** As {@link run}, for a command that has to succeed. */
  async expect(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(words);
    assert.equal(code, 0, `carapace ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  async connection(): Promise<Connection> {
    const found = await findControlPlane(this.folder);
    assert.ok(found, 'no control plane runs');
    return found;
  }

  census(): Census {
    const processes = processesNaming(this.folder);
    return {
      processes: processes.map(({ command }) => command),
      sockets: readFileSync('/proc/net/unix', 'utf8')
        .split('\n')
        .filter((line) => line.includes(this.folder)),
      ports: processes.reduce((total, { pid }) => total + listeningPorts(pid), 0),
      folders: foldersUnder(this.folder),
    };
  }

  /** Ends the control plane and everything else of this home, and removes it. */
  async dispose(): Promise<void> {
    const file = join(this.folder, 'daemon.json');
    const text = readIfThere(file);
    if (text !== undefined) {
      const { pid } = JSON.parse(text) as { pid: number };
      const isRunning = (): boolean => processesNaming(this.folder).some((process) => process.pid === pid);
      if (isRunning()) kill(pid, 'SIGTERM');
      // One that was killed leaves its file behind.
      await this.settled(() => !existsSync(file) || !isRunning());
    }
    await this.settled(() => {
      const left = processesNaming(this.folder);
      for (const { pid } of left) kill(pid);
      return left.length === 0;
    });
    rmSync(this.folder, { recursive: true });
  }

  /** Waits for what ends by itself. */
  async settled(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    while (!condition()) {
      assert.ok(Date.now() < deadline, `waited in vain for ${condition.toString()}: ${JSON.stringify(this.census())}`);
      await sleep(20);
    }
  }
}

/** TCP sockets in state LISTEN (0A) that a process holds, by proc(5). */
function listeningPorts(pid: number): number {
  const table = ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/net/${name}`, 'utf8')).join('\n');
  const listening = new Set<string>();
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[3] === '0A') listening.add(`socket:[${fields[9]!}]`);
  }
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return 0;
  }
  return names.filter((name) => {
    try {
      return listening.has(readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      return false;
    }
  }).length;
}

function foldersUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
