/** The command line of this checkout, and the same as an earlier version, on one home. */
import { execFile, type ExecFileException } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { daemonFileSchema, type DaemonFile } from '../../src/protocol/daemon.ts';
import { readIfThere } from '../support/files.ts';
import { processesNaming } from '../support/processes.ts';
import { TestHome, type Ran } from './cli-harness.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };

export const OWN_VERSION = version;
export const OLD_VERSION = '0.0.9';

/** A home with the program of an earlier version beside it. */
export class VersionedHome extends TestHome {
  /** This checkout's own. */
  readonly program = join(REPOSITORY, 'dist/cli.cjs');

  /** The bundles, with another version and, where given, with code of a test before their own. */
  makeProgram(name: string, changes: { readonly version?: string; readonly preamble?: string }): string {
    const folder = join(this.folder, name);
    mkdirSync(folder);
    for (const bundle of ['cli.cjs', 'agent.cjs', 'workspace.cjs']) {
      const text = readFileSync(join(REPOSITORY, 'dist', bundle), 'utf8');
      const versioned = text.replaceAll(JSON.stringify(version), JSON.stringify(changes.version ?? version));
      writeFileSync(join(folder, bundle), (changes.preamble ?? '') + versioned);
    }
    symlinkSync(join(REPOSITORY, 'dist/node_modules'), join(folder, 'node_modules'));
    return join(folder, 'cli.cjs');
  }

  /** Runs a program of {@link makeProgram} as `carapace`. */
  runProgram(program: string, words: readonly string[], environment: Record<string, string> = {}): Promise<Ran> {
    const env = { ...this.environment, NODE_NO_WARNINGS: '1', ...environment };
    return new Promise((done) => {
      execFile(
        process.execPath,
        [program, ...words],
        { env, timeout: 120_000 },
        (error: ExecFileException | null, stdout, stderr) => {
          done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
        },
      );
    });
  }

  daemonFile(): DaemonFile | undefined {
    const text = readIfThere(join(this.folder, 'daemon.json'));
    return text === undefined ? undefined : daemonFileSchema.parse(JSON.parse(text));
  }

  /** The control planes that run here. */
  controlPlanes(): number[] {
    return processesNaming(this.folder)
      .filter(({ command }) => command.includes('cli.cjs serve'))
      .map(({ pid }) => pid);
  }
}
