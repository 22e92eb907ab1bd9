/** One line of a log, as a person reads it and as a filter looks at it. Pure. */
import * as z from 'zod/mini';
import { localInstant } from '../render.ts';

/** What the processes write; everything else of a line is told as it is. */
const lineSchema = z.looseObject({
  level: z.string(),
  time: z.string(),
  msg: z.optional(z.string()),
  request_id: z.optional(z.string()),
  operation_id: z.optional(z.string()),
});
type Line = z.infer<typeof lineSchema>;

/** A line with the log that it is from; `fields` is undefined where it is no JSON of ours. */
export interface Entry {
  readonly log: string;
  readonly text: string;
  readonly fields: Line | undefined;
}

export function entryOf(log: string, text: string): Entry {
  let value: unknown;
  try {
    value = text.startsWith('{') ? JSON.parse(text) : undefined;
  } catch {
    value = undefined;
  }
  const line = lineSchema.safeParse(value);
  return { log, text, fields: line.success ? line.data : undefined };
}

/** By time; lines without one stay behind the line that they follow. */
export function inOrder(entries: readonly Entry[]): Entry[] {
  const last = new Map<string, string>();
  const timed = entries.map((entry) => {
    const time = entry.fields?.time ?? last.get(entry.log) ?? '';
    last.set(entry.log, time);
    return { entry, time };
  });
  return timed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ entry }) => entry);
}

/** As JSON, with the log's name; a line that is none is told under `msg`. */
export function entryJson({ log, text, fields }: Entry): string {
  return JSON.stringify({ log, ...(fields ?? { msg: text }) });
}

/** Known to every reader, or told before. */
const LEFT_OUT: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err']);

/** As wide as a time, so that what has none stands below what has one. */
const NO_TIME = ' '.repeat('2026-03-04 12:34:56.789'.length);

/**
 * `2026-03-04 12:34:56.789 serve warn  request refused  path=/api/x status=404`, in local time, and the error's message
 * below.
 */
export function entryText({ log, text, fields }: Entry): string {
  if (fields === undefined) return `${NO_TIME} ${log}  ${text}`;
  const more = Object.entries(fields)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const time = Number.isNaN(Date.parse(fields.time)) ? fields.time : localInstant(fields.time);
  const head = `${time} ${log} ${fields.level.padEnd(5)} ${fields.msg ?? ''}`;
  return [head, ...more].join('  ') + errorText(fields['err']);
}

function errorText(error: unknown): string {
  const told = z.looseObject({ message: z.string() }).safeParse(error);
  return told.success ? `\n${NO_TIME} ${told.data.message}` : '';
}

/**
 * What somebody looks for. An operation is found by its own id, which its requests have, too; a request with the
 * operations that it began.
 */
export class Wanted {
  readonly #ids: Set<string>;

  constructor(ids: readonly string[]) {
    this.#ids = new Set(ids);
  }

  /** Whether the line is looked for; it may widen what is looked for in later ones. */
  has({ fields }: Entry): boolean {
    if (this.#ids.size === 0) return true;
    const { request_id: request, operation_id: operation } = fields ?? {};
    const found = [request, operation].some((id) => id !== undefined && this.#ids.has(id));
    if (found && operation !== undefined) this.#ids.add(operation);
    return found;
  }
}
