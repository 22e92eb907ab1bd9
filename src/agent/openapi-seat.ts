/** The calls of a seat as they are reached through the agent. The seat's server has no routes that could be read. */
import * as z from 'zod/mini';
import type { Answer, OperationNote, OperationNotes, RecordedRoute } from '../lib/openapi/notes.ts';
import {
  ARCHIVE_TYPE,
  execRequestSchema,
  execResultSchema,
  FILE_JSON_TYPE,
  fileJsonSchema,
  filesAnswerSchema,
  fileStatSchema,
} from '../protocol/files.ts';
import { idSchema } from '../protocol/names.ts';
import { terminalQuerySchema } from '../protocol/terminal.ts';

const BYTES_TYPE = 'application/octet-stream';
const SEAT = '/proxy/:workshop/:seat';

const seatNumber = z.string().check(z.regex(/^[1-9][0-9]{0,2}$/));
const seatParams = z.object({ workshop: idSchema, seat: seatNumber });
const pathParams = z.object({ workshop: idSchema, seat: seatNumber, path: z.string() });
const pathQuery = z.strictObject({ path: z.optional(z.string()) });
const flag = z.optional(z.enum(['true', 'false']));

/** What was read must still be what is there. */
const conditions = z.object({ 'if-match': z.optional(z.string()), 'if-none-match': z.optional(z.string()) });
const readHeaders = z.object({
  ...conditions.shape,
  range: z.optional(z.string()),
  'if-range': z.optional(z.string()),
});

const healthSchema = z.object({
  status: z.literal('ok'),
  version: z.string(),
  uptime_seconds: z.number(),
  sessions: z.number(),
  connections: z.number(),
  viewers: z.number(),
});

/** As an answer it is open, as every answer is. */
const fileJsonAnswerSchema = z.object(fileJsonSchema.shape);

function empty(description: string): Answer {
  return { description, content: null };
}

function json(description: string, schema: z.ZodMiniType): Answer {
  return { description, content: { 'application/json': schema } };
}

function bytes(description: string): Answer {
  return { description, content: { [BYTES_TYPE]: z.file() } };
}

const PATH = 'The path is relative to the workspace, percent-encoded, with its slashes as they are.';
const REFUSALS = { refusals: [404, 405, 409] };
const WRITE_REFUSALS = { refusals: [404, 405, 409, 412, 413] };

function note(
  operationId: string,
  summary: string,
  more: Omit<OperationNote, 'operationId' | 'summary' | 'tag'>,
): OperationNote {
  return { operationId, summary, tag: 'seat', params: seatParams, ...more };
}

export const SEAT_NOTES: OperationNotes = {
  [`GET ${SEAT}/health`]: note('seatHealth', "The seat's own health", {
    answers: { 200: json('It serves', healthSchema) },
    refusals: [405],
  }),
  [`GET ${SEAT}/terminal`]: note('openTerminal', 'Open a terminal', {
    description:
      'A WebSocket. With the subprotocol carapace.tty.v1 binary frames are bytes and text frames control, both ways ' +
      'resumable; without it binary frames are output and input. Pages of a browser offer the token as the subprotocol ' +
      'carapace.bearer.<token>, and are told by the close codes 4001 and 4004 what others are told by a status.',
    querystring: terminalQuerySchema,
    answers: { 101: empty('The WebSocket') },
  }),
  [`GET ${SEAT}/files`]: note('listWorkspace', 'What is in a folder, folders first', {
    querystring: pathQuery,
    answers: { 200: json('The entries', filesAnswerSchema) },
    ...REFUSALS,
  }),
  [`GET ${SEAT}/files/:path`]: note('readFile', 'A file, a folder, or only what kind of thing is there', {
    description: `${PATH} A path that ends with a slash is listed; \`stat\` asks for the entry and its ETag alone.`,
    params: pathParams,
    querystring: z.strictObject({ stat: z.optional(z.enum(['', 'true'])) }),
    headers: readHeaders,
    answers: {
      200: {
        description: 'The bytes, with an ETag; with Accept the file in JSON; a folder or an entry',
        content: {
          [BYTES_TYPE]: z.file(),
          [FILE_JSON_TYPE]: fileJsonAnswerSchema,
          'application/json': z.union([filesAnswerSchema, fileStatSchema]),
        },
      },
      206: bytes('The part that Range asks for'),
      304: empty('The version of If-None-Match is the one that is there'),
    },
    refusals: [404, 405, 409, 412, 413, 416],
  }),
  [`HEAD ${SEAT}/files/:path`]: note('headFile', 'The size and the ETag of a file', {
    description: PATH,
    params: pathParams,
    headers: conditions,
    answers: { 200: empty('The headers of the file'), 304: empty('It is still that version') },
    ...REFUSALS,
  }),
  [`PUT ${SEAT}/files/:path`]: note('writeFile', 'Write a file whole, with the folders above it', {
    description: `${PATH} The body is the file, whatever its Content-Type is, but for ${FILE_JSON_TYPE}.`,
    params: pathParams,
    headers: conditions,
    body: z.file(),
    consumes: BYTES_TYPE,
    alsoConsumes: { [FILE_JSON_TYPE]: 'FileJsonInput' },
    answers: { 201: empty('The file was made'), 204: empty('The file was replaced') },
    ...WRITE_REFUSALS,
  }),
  [`DELETE ${SEAT}/files/:path`]: note('removeFile', 'Remove a file, or a folder with all that is in it', {
    description: PATH,
    params: pathParams,
    headers: conditions,
    answers: { 204: empty('It is gone') },
    refusals: [404, 405, 409, 412],
  }),
  [`POST ${SEAT}/files/:path`]: note('changeFile', 'Make a folder; move or copy a file or folder', {
    description: `${PATH} \`to\` is where it goes; \`overwrite\` replaces what is there.`,
    params: pathParams,
    querystring: z.strictObject({ op: z.enum(['mkdir', 'move', 'copy']), to: z.optional(z.string()), overwrite: flag }),
    answers: { 200: json('What replaced something', fileStatSchema), 201: json('What is new', fileStatSchema) },
    ...WRITE_REFUSALS,
  }),
  [`GET ${SEAT}/watch`]: note('watchFolder', 'Changes below a folder as they happen', {
    querystring: pathQuery,
    answers: {
      200: {
        description: 'Server-sent events: the data of each frame is a `WatchEvent` in JSON. The first one is a reset.',
        content: { 'text/event-stream': z.string() },
      },
    },
    frames: 'WatchEvent',
    refusals: [404, 405, 409, 413],
  }),
  [`GET ${SEAT}/archive`]: note('readArchive', 'A folder as a tar file, compressed by gzip', {
    querystring: pathQuery,
    answers: { 200: { description: 'The archive', content: { [ARCHIVE_TYPE]: z.file() } } },
    ...REFUSALS,
  }),
  [`PUT ${SEAT}/archive`]: note('writeArchive', 'Unpack a tar file into a folder', {
    querystring: z.strictObject({ ...pathQuery.shape, overwrite: flag }),
    body: z.file(),
    consumes: ARCHIVE_TYPE,
    answers: { 204: empty('It is unpacked') },
    ...WRITE_REFUSALS,
  }),
  [`POST ${SEAT}/exec`]: note('exec', 'Run a command to its end', {
    body: execRequestSchema,
    answers: { 200: json('How it ended', execResultSchema) },
    refusals: [404, 405, 409, 413],
  }),
};

export const SEAT_ROUTES: readonly RecordedRoute[] = Object.keys(SEAT_NOTES).map((key) => {
  const [method = '', url = ''] = key.split(' ');
  return { method, url, schema: {} };
});
