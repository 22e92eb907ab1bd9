/** Runs a command inside the test, with everything it says. */
import { PassThrough, Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
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

/** As {@link run}, at a terminal where somebody answers one question after the other. */
export async function runAtTerminal(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  answers: readonly string[],
): Promise<Ran> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const [stdout, stderr] = [new Gathered(), Object.assign(new Gathered(), { isTTY: true })];
  const left = [...answers];
  stderr.onText = (text) => {
    if (/\] (\[c\] )?$/.test(stripVTControlCharacters(text)) && left.length > 0) stdin.write(`${left.shift() ?? ''}\r`);
  };
  const io = { stdin, stdout, stderr, environment, programFolder: '/nowhere', outcome: { code: 0 } };
  const code = await runCommand(words, io);
  return { code, stdout: stdout.text, stderr: stripVTControlCharacters(stderr.text) };
}

class Gathered extends Writable {
  text = '';
  onText: (text: string) => void = () => undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
    this.onText(chunk.toString());
  }
}
