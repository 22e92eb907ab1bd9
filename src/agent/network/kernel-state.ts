/** What the kernel has of ours now. */
import { readdir, readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { parseInput } from '../../protocol/errors.ts';
import { NAMESPACES, readHostLink, readNamespaceName, type Owner } from './names.ts';
import { run, type CommandLine } from './programs.ts';

const linkSchema = z.object({
  ifname: z.string(),
  address: z.optional(z.string()),
  flags: z.array(z.string()),
  master: z.optional(z.string()),
  linkinfo: z.optional(
    z.object({
      info_kind: z.optional(z.string()),
      info_slave_data: z.optional(z.object({ isolated: z.optional(z.boolean()) })),
    }),
  ),
});
export type Link = z.infer<typeof linkSchema>;

/** A link of `ip -json -details link`; `ip` prints an empty object for each one that vanished meanwhile. */
const linksSchema = z.array(z.union([linkSchema, z.strictObject({})]));

/** The command that {@link readLinks} reads. */
export const SHOW_LINKS: CommandLine = ['ip', '-json', '-details', 'link', 'show'];

/** By their names. */
export function readLinks(json: string): ReadonlyMap<string, Link> {
  const links = parseInput(linksSchema, JSON.parse(json === '' ? '[]' : json));
  return new Map(links.filter((link): link is Link => 'ifname' in link).map((link) => [link.ifname, link]));
}

export function isUp(link: Link | undefined): boolean {
  return link?.flags.includes('UP') === true;
}

export async function listLinks(signal?: AbortSignal): Promise<ReadonlyMap<string, Link>> {
  return readLinks(await run(SHOW_LINKS, { signal }));
}

/** The slots whose links exist, whoever made them, without running a program. /sys would show those of its mount's namespace. */
export async function linkedSlots(): Promise<ReadonlySet<number>> {
  const table = await readFile('/proc/self/net/dev', 'utf8');
  const names = table.split('\n').map((line) => /^ *([^ :]+):/.exec(line)?.[1] ?? '');
  return new Set(names.map(readHostLink).filter((slot) => slot !== undefined));
}

/** The slots that have a namespace by its file, and whose it is; a file may be all that is left of one. */
export async function listNamespaces(): Promise<readonly { readonly owner: Owner; readonly slot: number }[]> {
  const names = await readdir(NAMESPACES).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return names.map(readNamespaceName).filter((name) => name !== undefined);
}

/** The slots of which there is anything: of another agent, of a machine that could not be taken over, or to be reaped. */
export async function existingSlots(): Promise<ReadonlySet<number>> {
  const namespaces = await listNamespaces();
  return new Set([...(await linkedSlots()), ...namespaces.map(({ slot }) => slot)]);
}
