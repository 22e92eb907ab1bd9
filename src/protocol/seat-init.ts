/**
 * What the agent and the root program inside a machine (`images/rootfs/…/seat-init`) tell each other: one JSON object a line,
 * each request answered by one line, over virtio-serial (QEMU) or vsock (Firecracker).
 */
import * as z from 'zod/mini';

/** The name of the virtio-serial port, and the number of the vsock port. */
export const SEAT_CHANNEL = { serialPort: 'carapace.seat', vsockPort: 1024 } as const;

/**
 * `identify`: become this seat: hostname, machine id, ssh host keys, clock, entropy. Sent after every boot and restore,
 * before anybody is let in. `sync`: write everything to the disk, before the machine is ended with its files kept.
 * `status`: what runs and what has failed.
 */
export const seatRequestSchema = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('identify'),
    id: z.int(),
    hostname: z.string(),
    /** 32 lowercase hexadecimal digits. */
    machine_id: z.string(),
    seat: z.int(),
    /** Nanoseconds since 1970, as a decimal number in text: JSON numbers are not exact enough. */
    time_ns: z.string(),
    /** At least 64 random bytes, base64. */
    entropy: z.string(),
  }),
  z.strictObject({ op: z.literal('sync'), id: z.int() }),
  z.strictObject({ op: z.literal('status'), id: z.int() }),
]);
export type SeatRequest = z.infer<typeof seatRequestSchema>;

/** `id` is that of the request; what was in flight when a snapshot was taken answers with an older one. */
export const seatAnswerSchema = z.object({
  id: z.int(),
  ok: z.boolean(),
  /** Why not, in a sentence. */
  error: z.optional(z.string()),
  /** With `status`: programs that had to be started again, and how often. */
  restarts: z.optional(z.record(z.string(), z.int())),
});
export type SeatAnswer = z.infer<typeof seatAnswerSchema>;
