/** Reads a tar stream of GNU tar in the POSIX format, member by member, without holding a file in memory. */
import { parseTime, type FileEntry } from './listing.ts';

const BLOCK = 512;
const NANOS_PER_SECOND = 1_000_000_000;
/** Headers with long names and times; more than this is no archive. */
const MAX_EXTENDED = 1024 * 1024;

/** A file or a link in the archive. `path` is as the archive has it, without `./` before it: it is not to be trusted. */
export interface TarMember {
  readonly path: string;
  readonly entry: FileEntry;
  /** Permission bits, 0 to 0o777. */
  readonly mode: number;
  /** The content; what is not read of it is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/** Cuts a stream into pieces of wanted lengths. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to `most` bytes, at least one. */
  async some(most: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) throw new Error('The archive ends in the middle.');
      this.#held = next.value;
    }
    const piece = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }

  async exactly(length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = length; left > 0;) {
      const piece = await this.some(left);
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Reads to the end, so that the writer is not stopped by a closed pipe. */
  async drain(): Promise<void> {
    while ((await this.#source.next()).done !== true) this.#held = Buffer.alloc(0);
  }
}

type Extended = ReadonlyMap<string, string>;

/** @throws Error where the stream is no such archive, or ends too early */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarMember> {
  const bytes = new Bytes(source);
  let extended: Extended = new Map();
  for (;;) {
    const header = await bytes.exactly(BLOCK);
    if (header.every((byte) => byte === 0)) return bytes.drain();
    checkSum(header);
    const type = header.toString('latin1', 156, 157);
    const size = Number(extended.get('size') ?? readNumber(header.subarray(124, 136)));
    if (type === 'x' || type === 'g') {
      const records = readExtended(await readWhole(bytes, size));
      if (type === 'x') extended = records;
      continue;
    }
    const left = { bytes: size };
    const content = readContent(bytes, left);
    yield* member(header, type, extended, size, content);
    while (left.bytes > 0) left.bytes -= (await bytes.some(left.bytes)).length;
    await bytes.exactly(padding(size));
    extended = new Map();
  }
}

async function* readContent(bytes: Bytes, left: { bytes: number }): AsyncGenerator<Buffer> {
  while (left.bytes > 0) {
    const piece = await bytes.some(left.bytes);
    left.bytes -= piece.length;
    yield piece;
  }
}

function* member(
  header: Buffer,
  type: string,
  extended: Extended,
  size: number,
  content: AsyncIterable<Buffer>,
): Generator<TarMember> {
  if (type === '5') return;
  if (type !== '0' && type !== '\0' && type !== '2') throw new Error('The archive has something that is no file.');
  const prefix = readText(header.subarray(345, 500));
  const name = readText(header.subarray(0, 100));
  const path = (extended.get('path') ?? (prefix === '' ? name : `${prefix}/${name}`)).replace(/^\.\//, '');
  const target = type === '2' ? (extended.get('linkpath') ?? readText(header.subarray(157, 257))) : '';
  const time = extended.get('mtime') ?? String(readNumber(header.subarray(136, 148)));
  const entry: FileEntry = {
    kind: type === '2' ? 'link' : 'file',
    size: type === '2' ? Buffer.byteLength(target) : size,
    ...tarTime(time),
    target,
    left: false,
  };
  yield { path, entry, mode: readNumber(header.subarray(100, 108)) & 0o777, content };
}

/** In tar the fraction counts away from 1970. */
function tarTime(text: string): Pick<FileEntry, 'seconds' | 'nanos'> {
  const { seconds, nanos } = parseTime(text);
  if (!text.startsWith('-') || nanos === 0) return { seconds, nanos };
  return { seconds: seconds - 1, nanos: NANOS_PER_SECOND - nanos };
}

async function readWhole(bytes: Bytes, size: number): Promise<Buffer> {
  if (size > MAX_EXTENDED) throw new Error('The archive has a header that is too large.');
  const whole = await bytes.exactly(size);
  await bytes.exactly(padding(size));
  return whole;
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function checkSum(header: Buffer): void {
  const unsummed = Buffer.from(header).fill(' ', 148, 156);
  const sum = unsummed.reduce((total, byte) => total + byte, 0);
  if (sum !== readNumber(header.subarray(148, 156))) throw new Error('The archive is damaged.');
}

function readText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

/** Octal digits, or a large number in bytes with the first bit set. */
function readNumber(field: Buffer): number {
  const first = field[0] ?? 0;
  if (first < 0x80) return parseInt(readText(field).trim() || '0', 8);
  return field.subarray(1).reduce((total, byte) => total * 256 + byte, first & 0x7f);
}

/** Records `LENGTH KEY=VALUE\n`; the length counts bytes and itself. */
function readExtended(data: Buffer): Extended {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(' ', at);
    const length = parseInt(data.toString('latin1', at, space), 10);
    const equals = data.indexOf('=', space);
    if (space < 0 || equals < 0 || !(length > 0)) throw new Error('The archive has a damaged header.');
    records.set(data.toString('utf8', space + 1, equals), data.toString('utf8', equals + 1, at + length - 1));
    at += length;
  }
  return records;
}
