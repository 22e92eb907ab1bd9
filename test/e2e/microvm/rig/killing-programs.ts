/** Stand-ins for the programs that a network runs, the n-th run of which kills the network's process. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../../../src/lib/find-program.ts';

const PROGRAMS = ['ip', 'nft', 'nsenter', 'sysctl'];

/** `half`: with the first half of the lines it reads done; `after`: with all done. */
export type KillMode = 'half' | 'after';

/** Only those that our process itself runs count: a stand-in starts the real ones, which start real ones. */
function standIn(program: string, folder: string): string {
  return `#!/bin/bash
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
read -r at mode <${folder}/kill
n=$(($(cat ${folder}/count) + 1))
echo $n >${folder}/count
[ $n = $at ] || exec ${program} "$@"
case $mode in
half)
  mapfile -t lines
  [ \${#lines[@]} = 0 ] || printf '%s\\n' "\${lines[@]:0:$((\${#lines[@]} / 2))}" | ${program} "$@"
  ;;
after) ${program} "$@" ;;
esac
kill -KILL $PPID
`;
}

export class KillingPrograms {
  readonly folder = '/run/rig/killing-programs';

  constructor(at: number, mode: KillMode) {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder);
    writeFileSync(join(this.folder, 'kill'), `${at} ${mode}\n`);
    writeFileSync(join(this.folder, 'count'), '0\n');
    for (const program of PROGRAMS) {
      const real = findProgram(program);
      if (real === undefined || !existsSync(real)) throw new Error(`${program} is missing`);
      writeFileSync(join(this.folder, program), standIn(real, this.folder));
      chmodSync(join(this.folder, program), 0o755);
    }
  }

  /** How many were run. */
  get count(): number {
    return Number(readFileSync(join(this.folder, 'count'), 'utf8'));
  }
}
