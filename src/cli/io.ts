/** What a command has of the outside world. */
import type { Readable, Writable } from 'node:stream';

/** Standard input: a terminal has a raw mode. */
export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };

/** Standard output or error: a terminal has a size. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

export interface CliIo {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: NodeJS.ProcessEnv;
  /** The folder of the bundles. */
  readonly programFolder: string;
  /** The exit code of a command that ends without an error. */
  readonly outcome: { code: number };
}

/** Writes a line, and waits where the reader is slower. */
export async function writeLine(output: Output, line: string): Promise<void> {
  await writeAll(output, `${line}\n`);
}

/** Writes, and waits until all of it has been taken. */
export function writeAll(output: Output, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
