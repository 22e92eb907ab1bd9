/** Puts the fake programs `firecracker` and `jailer` into a folder, and tells how they behave and what they were asked. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Behaviour } from './behaviour.ts';
import { readCalls, type Call } from './calls.ts';

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The fake starts in the time of Node, on a machine that is busy with other tests; the real one in milliseconds. */
export const PATIENT = { listenMs: 20_000, probeMs: 20_000 } as const;

export class FakeFirecracker {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param folder is made, and removed by whoever made its parent */
  static install(folder: string, options: { readonly jailer: boolean }): FakeFirecracker {
    const fake = new FakeFirecracker(folder);
    mkdirSync(join(folder, 'bin'), { recursive: true });
    fake.#write('firecracker');
    if (options.jailer) fake.#write('jailer');
    return fake;
  }

  /** A PATH on which the fake is found first. */
  get path(): string {
    return `${join(this.folder, 'bin')}:${SYSTEM_PATH}`;
  }

  /** Of every process that is started from now on. */
  behave(behaviour: Partial<Behaviour>): void {
    writeFileSync(join(this.folder, 'behaviour.json'), JSON.stringify(behaviour));
  }

  calls(): Call[] {
    return readCalls(this.folder);
  }

  uninstall(program: 'firecracker' | 'jailer'): void {
    rmSync(join(this.folder, 'bin', program), { force: true });
  }

  #write(name: 'firecracker' | 'jailer'): void {
    const program = join(this.folder, 'bin', name);
    const script = join(import.meta.dirname, `${name}.ts`);
    // The fake is started very often; what Node compiled once is kept.
    const cache = `NODE_COMPILE_CACHE='${join(this.folder, 'cache')}'; export NODE_COMPILE_CACHE`;
    writeFileSync(
      program,
      `#!/bin/sh\n${cache}\nexec '${process.execPath}' --no-warnings '${script}' '${this.folder}' "$@"\n`,
    );
    chmodSync(program, 0o755);
  }
}
