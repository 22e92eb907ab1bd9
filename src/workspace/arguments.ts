/** The command line of the workspace server. */
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import type { ListenAddress } from './http/listen.ts';

export const USAGE = `Usage: workspace --root FOLDER ADDRESSES [--shell PROGRAM] [--max-file-bytes N]
ADDRESSES: --terminal-socket PATH --files-socket PATH
       or: --host HOST --terminal-port PORT --files-port PORT`;

const DEFAULT_MAX_FILE_BYTES = 2 * 1024 ** 3;
const DEFAULT_PORTS = { terminal: '3001', files: '3002' } as const;

export interface WorkspaceArguments {
  readonly root: string;
  readonly terminal: ListenAddress;
  readonly files: ListenAddress;
  readonly shell: string | undefined;
  readonly maxFileBytes: number;
}

/** What is wrong with a command line; {@link USAGE} says how it should be. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseArguments(args: readonly string[]): WorkspaceArguments {
  const values = parseOptions(args);
  const { root, shell } = values;
  if (root === undefined) throw new UsageError('--root is missing: the folder to serve.');
  if (shell !== undefined && !isAbsolute(shell)) throw new UsageError('--shell must be an absolute path.');
  const maxFileBytes = wholeNumber('--max-file-bytes', values['max-file-bytes'], Number.MAX_SAFE_INTEGER);
  return { root, shell, maxFileBytes: maxFileBytes ?? DEFAULT_MAX_FILE_BYTES, ...addresses(values) };
}

type Values = ReturnType<typeof parseOptions>;

function parseOptions(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        root: text,
        shell: text,
        host: text,
        'terminal-socket': text,
        'files-socket': text,
        'terminal-port': text,
        'files-port': text,
        'max-file-bytes': text,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function addresses(values: Values): Pick<WorkspaceArguments, 'terminal' | 'files'> {
  const { host, 'terminal-socket': terminalSocket, 'files-socket': filesSocket } = values;
  if (host === undefined) {
    if (terminalSocket === undefined || filesSocket === undefined)
      throw new UsageError('Either --host or both --terminal-socket and --files-socket are needed.');
    return { terminal: { socketPath: terminalSocket }, files: { socketPath: filesSocket } };
  }
  if (terminalSocket !== undefined || filesSocket !== undefined)
    throw new UsageError('--host and sockets exclude each other.');
  const terminal = values['terminal-port'] ?? DEFAULT_PORTS.terminal;
  const files = values['files-port'] ?? DEFAULT_PORTS.files;
  return {
    terminal: { host, port: wholeNumber('--terminal-port', terminal, 65_535) ?? 0 },
    files: { host, port: wholeNumber('--files-port', files, 65_535) ?? 0 },
  };
}

function wholeNumber(option: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new UsageError(`${option} must be a whole number up to ${max}.`);
  return value;
}
