/**
 * The binding under node-pty, typed as node-pty/src/unix/pty.cc has it. Its JavaScript layer is not used: that closes
 * the terminal 200 ms after the program's end, read or not, and spins while a program does not take its input.
 */
import { native } from 'node-pty';

/** `fd` is the terminal's master side, non-blocking, and not closed when another program is started. */
export interface ForkedPty {
  readonly fd: number;
  readonly pid: number;
  readonly pty: string;
}

export interface NativePty {
  fork(
    file: string,
    args: readonly string[],
    environment: readonly string[],
    cwd: string,
    columns: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helperPath: string,
    onExit: (code: number, signal: number) => void,
  ): ForkedPty;
  resize(fd: number, columns: number, rows: number): void;
}

declare module 'node-pty' {
  export const native: NativePty;
}

export { native };
