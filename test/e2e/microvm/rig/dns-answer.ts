/**
 * The names of the played internet: `internet.test` is its public server, `large.test` has more text than fits into a
 * datagram; no other name exists.
 */
const PUBLIC = Buffer.from([1, 2, 3, 4]);
const LARGE_TEXTS = 12;

const TYPE_A = 1;
const TYPE_TXT = 16;
const HEADER_BYTES = 12;
const NAME_DOES_NOT_EXIST = 3;
const ANSWER_FLAGS = 0x8180;
const TRUNCATED = 0x0200;

interface Question {
  readonly name: string;
  readonly type: number;
  /** The question as it was asked, to be repeated in the answer. */
  readonly bytes: Buffer;
}

function readQuestion(query: Buffer): Question {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  return {
    name: labels.join('.').toLowerCase(),
    type: query.readUInt16BE(at + 1),
    bytes: query.subarray(HEADER_BYTES, end),
  };
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // The name is the one at the place where the question has it.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function recordsFor({ name, type }: Question): Buffer[] | undefined {
  if (name === 'internet.test') return type === TYPE_A ? [record(TYPE_A, PUBLIC)] : [];
  if (name !== 'large.test') return undefined;
  if (type !== TYPE_TXT) return [];
  const text = Buffer.concat([Buffer.from([200]), Buffer.alloc(200, 'x')]);
  return Array.from({ length: LARGE_TEXTS }, () => record(TYPE_TXT, text));
}

/** The answer to a DNS message, marked as truncated where it is longer than `limit`. */
export function answerDns(query: Buffer, limit: number): Buffer {
  const question = readQuestion(query);
  const records = recordsFor(question);
  const body = records ?? [];
  const size = HEADER_BYTES + question.bytes.length + body.reduce((sum, { length }) => sum + length, 0);
  const fits = size <= limit;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(ANSWER_FLAGS | (fits ? 0 : TRUNCATED) | (records === undefined ? NAME_DOES_NOT_EXIST : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(fits ? body.length : 0, 6);
  return Buffer.concat([header, question.bytes, ...(fits ? body : [])]);
}
