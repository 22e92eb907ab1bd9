/** What two answers must have in common: keys, types, exit codes and words; not the values. */

/** Answers of SkyPilot by the name of the question. */
export type Answers = ReadonlyMap<string, unknown>;

/** A text that is compared by its lines, without numbers, names and addresses, and without signs of life. */
export class Lines {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get skeletons(): Set<string> {
    return new Set(
      this.text
        .replaceAll('\r', '')
        .split('\n')
        .map((line) => skeleton(line).trim())
        .filter((line) => line !== '' && !line.includes('<heartbeat>')),
    );
  }
}

/** Objects whose keys are names of things, and texts that hold what only SkyPilot itself reads. */
const OPAQUE = new Set(['links', 'labels', 'metadata', 'request_body', 'handle', 'object', 'owner', 'headers']);
/** Facts that the real one has or has not, as it happens to be asked. */
const SOMETIMES_NULL = new Set([
  'pid',
  'finished_at',
  'node_names',
  'last_event',
  'priority',
  'latest_version',
  'links',
]);

// eslint-disable-next-line no-control-regex -- the escape of a terminal
const CURSOR = /\u001b\[\?25[hl]/g;

function skeleton(line: string): string {
  return line
    .replaceAll(CURSOR, '')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replaceAll(/\b[0-9a-f]{8}\b/g, 'ID')
    .replaceAll(/\/[\w./-]+/g, 'PATH')
    .replaceAll(/\([\w, -]*us-east-1[a-z, \w-]*\)/g, '(ZONES)')
    .replaceAll(/\b[a-z]\d[a-z]*\.\w+\b/g, 'TYPE')
    .replaceAll(/\d+(\.\d+)*/g, 'N')
    .replaceAll(/[-━]{5,}/g, 'LINE')
    .replaceAll(/\s+/g, ' ');
}

/** Where two sets of answers differ, in sentences. */
export function differences(real: Answers, fake: Answers): string[] {
  const names = new Set([...real.keys(), ...fake.keys()]);
  return [...names].flatMap((name) => {
    if (!fake.has(name)) return [`the fake was not asked for ${name}`];
    if (!real.has(name)) return [`SkyPilot was not asked for ${name}`];
    return compare(name, real.get(name), fake.get(name));
  });
}

function compare(path: string, real: unknown, fake: unknown): string[] {
  const key = path.split('.').at(-1) ?? '';
  if (real instanceof Lines && fake instanceof Lines) return compareLines(path, real, fake);
  if (SOMETIMES_NULL.has(key) && (real === null || fake === null)) return [];
  const types = [typeOf(real), typeOf(fake)] as const;
  if (types[0] !== types[1]) return [`${path} is ${types[0]} of SkyPilot, ${types[1]} of the fake`];
  if (OPAQUE.has(key)) return [];
  if (Array.isArray(real) && Array.isArray(fake)) return compareLists(path, real, fake);
  if (isRecord(real) && isRecord(fake)) return compareRecords(path, real, fake);
  if (key === 'exitCode' || key === 'status' || key === 'type' || key === 'name' || key === 'error') {
    return real === fake ? [] : [`${path} is ${String(real)} of SkyPilot, ${String(fake)} of the fake`];
  }
  return [];
}

function compareLines(path: string, real: Lines, fake: Lines): string[] {
  const missing = [...real.skeletons].filter((line) => !fake.skeletons.has(line));
  const invented = [...fake.skeletons].filter((line) => !real.skeletons.has(line));
  return [
    ...missing.map((line) => `${path}: the fake leaves out "${line}"`),
    ...invented.map((line) => `${path}: the fake invents "${line}"`),
  ];
}

/** Lists are of one kind of thing: their first ones are compared. */
function compareLists(path: string, real: readonly unknown[], fake: readonly unknown[]): string[] {
  if ((real.length === 0) !== (fake.length === 0)) {
    return [`${path} has ${real.length} elements of SkyPilot, ${fake.length} of the fake`];
  }
  return real.length === 0 ? [] : compare(`${path}[]`, real[0], fake[0]);
}

function compareRecords(path: string, real: Record<string, unknown>, fake: Record<string, unknown>): string[] {
  const keys = new Set([...Object.keys(real), ...Object.keys(fake)]);
  return [...keys].flatMap((key) => {
    if (SOMETIMES_NULL.has(key) && (!(key in real) || !(key in fake))) return [];
    if (!(key in fake)) return [`${path}.${key} is not told by the fake`];
    if (!(key in real)) return [`${path}.${key} is not told by SkyPilot`];
    return compare(`${path}.${key}`, real[key], fake[key]);
  });
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return value instanceof Lines ? 'lines' : typeof value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
