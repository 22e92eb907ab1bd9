/** Reading what SkyPilot prints: escape sequences, and JSON that other lines come before. */
import { stripVTControlCharacters } from 'node:util';

/** Text without ANSI escape sequences and without carriage returns. */
export function plainText(text: string): string {
  return stripVTControlCharacters(text).replaceAll('\r', '');
}

/**
 * The JSON in what a `sky … -o json` printed: from the first line that is exactly `[`, `[]`, `{` or `{}`. Server start-up
 * notes and `Cluster(s) not found` come before it, on the same stdout.
 * @returns undefined where there is none
 */
export function jsonAmongLines(output: string): unknown {
  const lines = plainText(output).split('\n');
  const start = lines.findIndex((line) => ['[', '[]', '{', '{}'].includes(line.trimEnd()));
  if (start === -1) return undefined;
  const first = lines[start] ?? '';
  const closing = { '[': ']', '{': '}' }[first.trimEnd()];
  const length = closing === undefined ? 0 : lines.slice(start).findIndex((line) => line.trimEnd() === closing);
  try {
    return JSON.parse(lines.slice(start, length === -1 ? undefined : start + length + 1).join('\n')) as unknown;
  } catch {
    return undefined;
  }
}

const REQUEST_ID = /Submitted sky\.\S+ request: ([0-9a-f]{8}-[0-9a-f-]{27})/;

/** The id in `Submitted sky.launch request: <uuid>`, which `--async` prints. */
export function submittedRequest(output: string): string | undefined {
  return REQUEST_ID.exec(plainText(output))?.[1];
}

/** The last line that holds an IP address, as `sky status --ip NAME` prints it. */
export function printedAddress(output: string): string | undefined {
  const lines = plainText(output).trim().split('\n');
  return lines
    .map((line) => line.trim())
    .findLast((line) => /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+)$/i.test(line));
}
