/**
 * The terminal protocol `carapace.tty.v1`: bytes in binary frames, control in text frames, both ways resumable.
 *
 * Counts are absolute per session. A client keeps what the server has not acknowledged and, after a reconnect, sends
 * again from `ready.input_offset`; the server keeps {@link TERMINAL.ringBytes} of output and sends again from the
 * offset that the client names.
 */
import * as z from 'zod/mini';
import { timeSchema } from './names.ts';

export const TERMINAL_SUBPROTOCOL = 'carapace.tty.v1';

/** Browsers cannot set headers: they offer the token as a subprotocol, which is never selected or echoed. */
export const BEARER_SUBPROTOCOL_PREFIX = 'carapace.bearer.';

/** Bounds of the protocol, in bytes and milliseconds. */
export const TERMINAL = {
  /** Unacknowledged output at which the PTY is paused, and under which it goes on. */
  pauseAtBytes: 100_000,
  resumeBelowBytes: 5_000,
  /** Output kept per session for replay. */
  ringBytes: 1_048_576,
  /** How long a full ring pauses the PTY when no writer is connected. */
  fullRingPauseMs: 60_000,
  /** How long a session outlives its last client. */
  sessionKeepMs: 600_000,
  /** Input accepted and not yet taken by the program in the terminal. */
  inputBytes: 262_144,
  /** The largest frame either side sends or takes. */
  frameBytes: 65_536,
  defaultColumns: 80,
  defaultRows: 24,
} as const;

/** WebSocket close codes (RFC 6455, 7.4.2: 4000 to 4999 are private). */
export const CLOSE_CODE = { exit: 1000, unauthorized: 4001, notFound: 4004, superseded: 4009 } as const;

const dimensionSchema = z.int().check(z.minimum(1), z.maximum(1000));
const countSchema = z.int().check(z.minimum(0));

/** The most that a redraw may have, in bytes. */
export const MAX_REDRAW_BYTES = 1_048_576;

/** The query of a terminal's URL. `client` is a name that the client makes up per terminal: `[A-Za-z0-9_-]{8,64}`. */
export const terminalQuerySchema = z.object({
  session: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,64}$/))),
  client: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{8,64}$/))),
  offset: z.optional(z.coerce.number().check(z.int(), z.minimum(0))),
  cols: z.optional(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(1000))),
  rows: z.optional(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(1000))),
  mode: z.optional(z.enum(['view', 'write'])),
  /** The client understands `redraw`. */
  redraw: z.optional(z.literal('1')),
});
export type TerminalQuery = z.infer<typeof terminalQuerySchema>;

/** Control of the plain mode: a text frame that is such an object; any other text frame is input. */
export const plainControlSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('input'), data: z.string() }),
  z.object({ type: z.literal('resize'), cols: dimensionSchema, rows: dimensionSchema }),
]);

/** Client to server. `ack.bytes` is the absolute offset up to which output was consumed. */
export const clientControlSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('resize'), cols: dimensionSchema, rows: dimensionSchema }),
  z.object({ type: z.literal('ack'), bytes: countSchema }),
  z.object({ type: z.literal('ping'), t: z.number() }),
]);
export type ClientControl = z.infer<typeof clientControlSchema>;

/**
 * Server to client. After `redraw` the next `bytes` bytes of binary frames draw the screen as it is at `ready.offset`, on
 * a terminal of `cols` by `rows` that is reset first; they are part of no count and are not acknowledged. It is sent
 * where output was skipped, and to viewers when the terminal's size has changed, to clients that asked for it by `redraw=1`, and always directly after the `ready` that tells the gap.
 * `ready.offset` is the absolute place of the first output byte that follows, `replayed` how many of
 * the following bytes were sent before or while nobody was connected, `skipped` how many were lost to the ring before
 * `offset`. `ready.input_offset` is how much of this client's input the server has; `ack.bytes` the same, later.
 */
export const serverControlSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ready'),
    session: z.string(),
    offset: countSchema,
    input_offset: countSchema,
    cols: z.int(),
    rows: z.int(),
    replayed: countSchema,
    skipped: countSchema,
  }),
  z.object({ type: z.literal('redraw'), bytes: countSchema, cols: z.int(), rows: z.int() }),
  z.object({ type: z.literal('ack'), bytes: countSchema }),
  z.object({ type: z.literal('exit'), code: z.int(), signal: z.nullable(z.string()) }),
  z.object({ type: z.literal('pong'), t: z.number() }),
  z.object({ type: z.literal('viewers'), count: z.int(), names: z.array(z.string()) }),
]);
export type ServerControl = z.infer<typeof serverControlSchema>;

/**
 * `GET /sessions` on the terminal's port: the shells that run, the one that was used last first. `title` is what its
 * program calls it, empty where it does not; `viewers` counts all who are connected.
 */
export const terminalSessionsSchema = z.object({
  sessions: z.array(z.object({ id: z.string(), title: z.string(), viewers: countSchema, created_at: timeSchema })),
});
export type TerminalSessions = z.infer<typeof terminalSessionsSchema>;

/** Parses a text frame; undefined where it is no such control message. */
export function parseControl<T extends z.ZodMiniType>(schema: T, text: string): z.output<T> | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}
