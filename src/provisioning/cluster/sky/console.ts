/**
 * SkyPilot's console streams (`/api/stream?format=console`): log lines, and among them payloads
 * `<sky-payload>"<rich_update>…</rich_update>"</sky-payload>` that drive the spinner of its command line
 * (`sky/utils/rich_utils.py`, `sky/utils/message_utils.py`).
 */
import type { SkyLine } from './sky.ts';
import { plainText } from './text.ts';

const PAYLOAD = /<sky-payload[^>]*>(.*?)<\/sky-payload>/;
const RICH = /^<rich_(init|update)>(.*)<\/rich_\1>$/s;
const MARKUP = /\[\/?[a-z0-9 #_.]*\]/gi;
const VIEW_LOGS = /\s*View logs: .*$/;
/** What the server says while a request waits for its turn; it differs from one connection to the next. */
const WAITS = /^(Checking request|Waiting for '?sky\.\S+ request to be scheduled)/;

/** SkyPilot's phases in a person's words. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(Optimizing|Checking infra choices)/, 'Choosing a machine'],
  [/^Looking for resources/, 'Looking for another place'],
  [/^Launching - Checking instance status/, 'Checking the machine'],
  [/^Launching - Waiting for SSH access/, 'Waiting for the machine to answer by SSH'],
  [/^Launching/, 'Asking the cloud for the machine'],
  [/^Preparing SkyPilot runtime \((\d)\/(\d).*\)/, 'Preparing SkyPilot on the machine ($1 of $2)'],
  [/^Preparing SkyPilot runtime/, 'Preparing SkyPilot on the machine'],
  [/^Syncing/, 'Copying files to the machine'],
  [/^Running setup/, 'Running the setup'],
  [/^Submitting job/, 'Starting what the server runs'],
  [/^Stopping/, 'Stopping the machine'],
  [/^Terminating/, 'Destroying the machine'],
];

/**
 * Turns the pieces of a stream into lines. Phases are told once per attempt. After `reconnect()` the stream begins anew,
 * and lines that were told before are left out.
 */
export class ConsoleDecoder {
  readonly #tell: (line: SkyLine) => void;
  #rest = '';
  #phases = new Set<string>();
  /** Lines told over all connections, and decoded on this one. */
  #told = 0;
  #decoded = 0;
  #waits = false;

  constructor(tell: (line: SkyLine) => void) {
    this.#tell = tell;
  }

  push(piece: string): void {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  /** The stream has ended: what is left is a line, too. */
  end(): void {
    const line = this.#rest;
    this.#rest = '';
    if (line !== '') this.#line(line);
  }

  /** A piece of a line that broke off is forgotten: it comes again. */
  reconnect(): void {
    this.#rest = '';
    this.#phases = new Set();
    this.#decoded = 0;
  }

  #line(raw: string): void {
    const payload = PAYLOAD.exec(raw);
    if (payload !== null) {
      this.#payload(payload[1] ?? '');
      return;
    }
    const text = plainText(raw).replace(VIEW_LOGS, '').trimEnd();
    if (text.trim() === '') return;
    if (text.includes('Launching on ')) this.#phases = new Set();
    this.#emit({ text, phase: undefined });
  }

  #payload(json: string): void {
    const markup = RICH.exec(decodedText(json))?.[2];
    if (markup === undefined) return;
    const phase = plainText(markup).replace(VIEW_LOGS, '').replaceAll(MARKUP, '').trim();
    if (phase === '') return;
    if (WAITS.test(phase)) {
      if (!this.#waits) this.#tell({ text: 'Waiting for SkyPilot', phase: 'Waiting' });
      this.#waits = true;
      return;
    }
    const text = inWords(phase);
    if (this.#phases.has(text)) return;
    this.#phases.add(text);
    this.#emit({ text, phase });
  }

  #emit(line: SkyLine): void {
    this.#decoded += 1;
    if (this.#decoded <= this.#told) return;
    this.#told = this.#decoded;
    this.#tell(line);
  }
}

function decodedText(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}

function inWords(phase: string): string {
  const found = WORDS.find(([pattern]) => pattern.test(phase));
  if (found === undefined) return phase;
  const [pattern, words] = found;
  const match = pattern.exec(phase);
  return words.replaceAll(/\$(\d)/g, (_, group: string) => match?.[Number(group)] ?? '');
}
