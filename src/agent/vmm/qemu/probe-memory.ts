/** Remembers whether KVM works, so that not each agent that starts has to wait until a probe has hung long enough. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { writeFileAtomic } from '../../../lib/atomic-file.ts';
import type { ProbeResult } from './kvm-probe.ts';

/** What the result depends on: all of it must be as it was. */
const subjectSchema = z.strictObject({ boot_id: z.string(), qemu: z.string(), image: z.string() });
export type ProbeSubject = z.infer<typeof subjectSchema>;

const memorySchema = z.strictObject({
  subject: subjectSchema,
  result: z.union([
    z.strictObject({ works: z.literal(true) }),
    z.strictObject({ works: z.literal(false), reason: z.string(), hung: z.literal(true) }),
  ]),
});

function isSame(one: ProbeSubject, other: ProbeSubject): boolean {
  return one.boot_id === other.boot_id && one.qemu === other.qemu && one.image === other.image;
}

async function recall(file: string, subject: ProbeSubject): Promise<ProbeResult | undefined> {
  try {
    const memory = memorySchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return isSame(memory.subject, subject) ? memory.result : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The result that the file remembers of this subject, else a new one, which is remembered. A file that cannot be read or
 * written only costs time.
 */
export async function remembered(
  file: string,
  subject: ProbeSubject,
  probe: () => Promise<ProbeResult>,
): Promise<ProbeResult> {
  const known = await recall(file, subject);
  if (known !== undefined) return known;
  const result = await probe();
  // What failed at once is found out at once, too, and may have been mended.
  if (result.works || result.hung)
    await writeFileAtomic(file, `${JSON.stringify({ subject, result })}\n`).catch(() => undefined);
  return result;
}
