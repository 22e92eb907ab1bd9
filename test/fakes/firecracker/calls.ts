/** What the fake was asked, one JSON object a line. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Call {
  /** Of the machine. */
  readonly id: string;
  readonly request?: string;
  readonly body?: string;
  readonly status?: number;
  /** A process was started with these arguments. */
  readonly started?: readonly string[];
  readonly pid?: number;
  /** A jailer was started with these arguments. */
  readonly jailed?: readonly string[];
}

export function recordCall(folder: string, call: Call): void {
  appendFileSync(join(folder, 'calls.jsonl'), `${JSON.stringify(call)}\n`);
}

export function readCalls(folder: string): Call[] {
  let text = '';
  try {
    text = readFileSync(join(folder, 'calls.jsonl'), 'utf8');
  } catch {
    // Nothing was asked.
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Call);
}
