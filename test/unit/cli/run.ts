/** Runs a command inside the test, with everything it says. */
import { PassThrough, Writable } from 'node:stream';
import { runCommand } from '../../../src/cli/program.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(words: readonly string[], environment: NodeJS.ProcessEnv = {}, typed = ''): Promise<Ran> {
  const [stdout, stderr] = [new Gathered(), new Gathered()];
  const stdin = new PassThrough();
  stdin.end(typed);
  const io = { stdin, stdout, stderr, environment, programFolder: '/nowhere', outcome: { code: 0 } };
  const code = await runCommand(words, io);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Gathered extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
