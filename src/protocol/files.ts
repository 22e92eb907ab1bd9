/** The file API of a seat. */
import * as z from 'zod/mini';
import { timeSchema } from './names.ts';

/** `type` tells a link apart; `is_directory` follows it. `mode` is octal text such as `0644`. */
export const fileEntrySchema = z.object({
  name: z.string(),
  path: z.string(),
  type: z.enum(['file', 'directory', 'symlink', 'other']),
  is_directory: z.boolean(),
  size: z.number(),
  modified_at: timeSchema,
  mode: z.string(),
});
export type FileEntry = z.infer<typeof fileEntrySchema>;

export const filesAnswerSchema = z.object({ files: z.array(fileEntrySchema) });

/** A stat, with the ETag that a conditional write names. */
export const fileStatSchema = z.object({ file: fileEntrySchema, etag: z.string() });
export type FileStat = z.infer<typeof fileStatSchema>;

/**
 * An event of `GET /watch?path=P` (server-sent, the JSON is the frame's data), about something below the watched folder;
 * paths are relative to the workspace. A rename is a `deleted` and a `created`. `created` is told of a folder and of each
 * entry in it, `deleted` of a folder alone, with all that was in it. `changed` is about the content or the mode. `reset`
 * comes first, and again whenever events may have been lost: whatever was known is to be read anew. Links are not
 * followed. When the folder itself goes, `deleted` tells its own path and the stream ends; it also ends where there
 * is more below it than a seat can watch, and asking again tells why.
 */
export const watchEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['created', 'changed', 'deleted']), path: z.string() }),
  z.object({ type: z.literal('reset') }),
]);
export type WatchEvent = z.infer<typeof watchEventSchema>;

/**
 * Media type of `GET /archive?path=P` and `PUT /archive?path=P`: a tar file, compressed by gzip. The names in it are
 * relative to the folder P; of a file it has that one entry. Sockets, pipes, devices and links that lead out of P are left out
 * on the way out, and refused on the way in.
 */
export const ARCHIVE_TYPE = 'application/gzip';

/** Media type of a file wrapped in JSON, for clients that cannot take raw bytes. */
export const FILE_JSON_TYPE = 'application/vnd.carapace.file+json';
export const fileJsonSchema = z.strictObject({ content: z.string(), encoding: z.enum(['utf-8', 'base64']) });
export type FileJson = z.infer<typeof fileJsonSchema>;

/** A text runs in the login shell, a list is run as it is. */
export const execRequestSchema = z.strictObject({
  command: z.union([z.string().check(z.minLength(1)), z.array(z.string()).check(z.minLength(1))]),
  cwd: z.optional(z.string()),
  timeout_ms: z.optional(z.int().check(z.minimum(1), z.maximum(600_000))),
});
export type ExecRequest = z.infer<typeof execRequestSchema>;

/** `exit_code` is 128 plus the signal's number where a signal ended it, as in a shell; 124 after the time limit. */
export const execResultSchema = z.object({
  exit_code: z.number(),
  stdout: z.string(),
  stderr: z.string(),
  truncated: z.boolean(),
});
export type ExecResult = z.infer<typeof execResultSchema>;
