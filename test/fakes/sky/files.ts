/** JSON files that are whole at any time, and a list of calls that several processes append to. */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function readJson<T>(path: string, otherwise: T): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return otherwise;
  }
}

export function writeJson(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(value, undefined, 1));
  renameSync(temporary, path);
}

/** Something that was asked of SkyPilot: a command's words, or a request's method, path and body. */
export interface SkyCall {
  readonly at: number;
  readonly command?: readonly string[];
  readonly request?: string;
  readonly body?: unknown;
  /** A request's path and the id that it was given. */
  readonly answered?: string;
}

const CALLS = 'calls.jsonl';

export function recordCall(folder: string, call: Omit<SkyCall, 'at'>): void {
  appendFileSync(join(folder, CALLS), `${JSON.stringify({ at: Date.now(), ...call })}\n`);
}

export function readCalls(folder: string): SkyCall[] {
  let text = '';
  try {
    text = readFileSync(join(folder, CALLS), 'utf8');
  } catch {
    // Nothing was asked yet.
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SkyCall);
}
