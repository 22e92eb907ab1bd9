/** `POST /exec`: runs one command to its end. */
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { execRequestSchema, type ExecRequest, type ExecResult } from '../protocol/files.ts';
import { conflict, fileError, notFound } from './files/file-errors.ts';
import { pathOfText, quotePath } from './files/path.ts';
import type { WorkspaceRoot } from './files/workspace-root.ts';
import { withoutDescriptors } from './descriptors.ts';
import { allowMethods } from './health.ts';
import { jsonBody } from './http/body.ts';
import { sendJson, type Exchange } from './http/exchange.ts';
import { parseQuery } from './http/query.ts';
import { terminalDescriptors } from './terminal/pty.ts';

/** What is kept of each of the two outputs, in bytes. */
const MAX_OUTPUT_BYTES = 1_048_576;
/** The request itself: as long as a command line may be. */
const MAX_BODY_BYTES = 2_097_152;
const DEFAULT_TIMEOUT_MS = 600_000;
/** What timeout(1) answers. */
const TIMED_OUT_CODE = 124;
/** As shells tell that a program was not found. */
const NOT_FOUND_CODE = 127;
/** A command that left something in the background, which holds its output open, has ended all the same. */
const QUIET_MS = 200;
/** Even where that something goes on writing. */
const LATE_OUTPUT_MS = 2000;

export interface ExecOptions {
  readonly root: WorkspaceRoot;
  readonly shell: string;
  readonly environment: Readonly<Record<string, string>>;
}

export async function answerExec(exchange: Exchange, options: ExecOptions): Promise<void> {
  allowMethods(exchange, ['POST']);
  parseQuery(exchange.query, []);
  const request = await jsonBody(exchange.request, execRequestSchema, MAX_BODY_BYTES);
  const cwd = await workingFolder(options.root, request.cwd ?? '');
  const gone = new AbortController();
  exchange.response.once('close', () => {
    gone.abort();
  });
  const result = await run(request, cwd, options, gone.signal);
  if (!gone.signal.aborted) sendJson(exchange, 200, result);
}

async function workingFolder(root: WorkspaceRoot, cwd: string): Promise<string> {
  const { names } = pathOfText(cwd);
  try {
    const place = await root.findExisting(names);
    if (place.below.length > 0) throw notFound(names);
    if (!place.stats.isDirectory()) throw conflict('not_a_directory', `${quotePath(names)} is not a folder.`);
    return join(place.folder, place.name);
  } catch (error) {
    throw fileError(error, names);
  }
}

/** Its whole process group is killed at the time limit and when `signal` aborts; what left the group lives on. */
async function run(request: ExecRequest, cwd: string, options: ExecOptions, signal: AbortSignal): Promise<ExecResult> {
  const [file, ...args] = withoutDescriptors(commandLine(request.command, options.shell), terminalDescriptors());
  // Not needed for a start, and the largest of the libraries: read when the first command comes.
  const { execa } = await import('execa');
  const subprocess = execa(file, args, {
    cwd,
    env: options.environment,
    extendEnv: false,
    stdin: 'ignore',
    encoding: 'buffer',
    buffer: false,
    reject: false,
    killDescendants: true,
    killSignal: 'SIGKILL',
    timeout: request.timeout_ms ?? DEFAULT_TIMEOUT_MS,
    cancelSignal: signal,
  });
  const stdout = new Capture(subprocess.stdout);
  const stderr = new Capture(subprocess.stderr);
  subprocess.nodeChildProcess.once('exit', () => {
    stdout.endWhenQuiet();
    stderr.endWhenQuiet();
  });
  const result = await subprocess;
  const notStarted = result.exitCode === undefined && result.signal === undefined;
  return {
    exit_code: result.timedOut ? TIMED_OUT_CODE : (result.exitCode ?? codeOfSignal(result.signal)),
    stdout: stdout.text(),
    stderr: notStarted ? whyNotStarted(file, result.code) : stderr.text(),
    truncated: stdout.truncated || stderr.truncated,
  };
}

function commandLine(command: ExecRequest['command'], shell: string): [string, ...string[]] {
  if (typeof command === 'string') return [shell, '-l', '-c', command];
  const [file = '', ...args] = command;
  return [file, ...args];
}

/** As a shell tells it. */
function whyNotStarted(file: string, code: string | undefined): string {
  if (code === 'ENOENT') return `${file}: command not found\n`;
  return code === 'EACCES' ? `${file}: permission denied\n` : `${file}: cannot be started (${code ?? 'unknown'})\n`;
}

function codeOfSignal(signal: NodeJS.Signals | undefined): number {
  return signal === undefined ? NOT_FOUND_CODE : 128 + constants.signals[signal];
}

/** The first bytes of an output; the rest is read and thrown away, so that the command is not held up. */
class Capture {
  readonly #stream: Readable;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #timer: NodeJS.Timeout | undefined;
  #endsAt = Infinity;
  truncated = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
      if (performance.now() > this.#endsAt) stream.destroy();
      else this.#timer?.refresh();
    });
    stream.once('close', () => {
      clearTimeout(this.#timer);
    });
  }

  endWhenQuiet(): void {
    if (this.#stream.destroyed) return;
    this.#endsAt = performance.now() + LATE_OUTPUT_MS;
    this.#timer = setTimeout(() => this.#stream.destroy(), QUIET_MS);
  }

  /** A character that was cut in the middle is left out. */
  text(): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(this.#chunks), { stream: true });
  }

  #take(chunk: Buffer): void {
    const kept = chunk.subarray(0, MAX_OUTPUT_BYTES - this.#length);
    this.#length += kept.length;
    if (kept.length > 0) this.#chunks.push(kept);
    if (kept.length < chunk.length) this.truncated = true;
  }
}
