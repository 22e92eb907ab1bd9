/** What all seats of a worker share in the kernel: the bridge, forwarding, and the firewall. */
import { readFile, writeFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { parseInput, UnavailableError } from '../../protocol/errors.ts';
import { linkedSlots, listLinks, type Link } from './kernel-state.ts';
import { BRIDGE_MAC, SUBNET } from './names.ts';
import { batch, run } from './programs.ts';
import { BRIDGE } from './seat-network.ts';
import { disableIpv6 } from './slot.ts';
import { NO_WORKER_RULES, WORKER_RULES, WORKER_TABLES } from './worker-rules.ts';

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/** Makes or mends it; the firewall is there before the bridge. @throws UnavailableError saying what is in the way */
export async function ensureShared(signal: AbortSignal): Promise<void> {
  await refuseForeign(signal);
  await run(['nft', '-f', '-'], { input: WORKER_RULES, signal });
  await ensureBridge(signal);
  await ensureForwarding();
}

async function ensureBridge(signal: AbortSignal): Promise<void> {
  const { name, address, prefix } = BRIDGE;
  if (!(await hasBridge(signal))) {
    const added = run(['ip', 'link', 'add', name, 'address', BRIDGE_MAC, 'type', 'bridge', 'mcast_snooping', '0'], {
      signal,
    });
    await added.catch(async (error: unknown) => {
      // Another agent may have been faster.
      if (!(await hasBridge(signal))) throw error;
    });
  }
  await disableIpv6(name);
  const settings = [
    `link set ${name} address ${BRIDGE_MAC}`,
    `address replace ${address}/${prefix} dev ${name}`,
    `link set ${name} up`,
  ];
  await run(['ip', '-batch', '-'], { input: batch(settings), signal });
}

export async function hasBridge(signal: AbortSignal): Promise<boolean> {
  return (await listLinks(signal)).has(BRIDGE.name);
}

/** It stays on when we end: whoever else relies on it meanwhile does not say so. */
async function ensureForwarding(): Promise<void> {
  if ((await readFile(FORWARDING, 'utf8')).trim() === '1') return;
  try {
    await writeFile(FORWARDING, '1');
  } catch (error) {
    throw new UnavailableError(
      `This machine does not forward packets and ${FORWARDING} cannot be written, so no seat could reach the internet.`,
      undefined,
      { cause: error },
    );
  }
}

/** Whether both of our tables are there. */
export async function hasRules(signal: AbortSignal): Promise<boolean> {
  const tables = (await run(['nft', 'list', 'tables'], { signal })).split('\n');
  return WORKER_TABLES.every((table) => tables.includes(`table ${table}`));
}

/** Removes all of it where no slot of any agent is left. */
export async function removeShared(): Promise<void> {
  if ((await linkedSlots()).size > 0) return;
  if (isBridge((await listLinks()).get(BRIDGE.name))) await run(['ip', 'link', 'delete', 'dev', BRIDGE.name]);
  await run(['nft', '-f', '-'], { input: NO_WORKER_RULES });
}

function isBridge(link: Link | undefined): boolean {
  return link?.linkinfo?.info_kind === 'bridge';
}

const routesSchema = z.array(z.object({ dst: z.string(), dev: z.optional(z.string()) }));

/** @throws UnavailableError where something else has the bridge's name or its addresses */
async function refuseForeign(signal: AbortSignal): Promise<void> {
  const bridge = (await listLinks(signal)).get(BRIDGE.name);
  if (bridge !== undefined && !isBridge(bridge)) {
    throw new UnavailableError(
      `The interface ${BRIDGE.name} of this machine is not a bridge: remove it, seats need the name.`,
    );
  }
  // Every address and every route within the range, by which other machines would become unreachable.
  const json = await run(['ip', '-json', '-4', 'route', 'show', 'table', 'all', 'root', SUBNET], { signal });
  const routes = parseInput(routesSchema, JSON.parse(json === '' ? '[]' : json));
  const foreign = routes.find(({ dev }) => dev !== BRIDGE.name);
  if (foreign === undefined) return;
  throw new UnavailableError(
    `The addresses of seats, ${SUBNET}, are in use: this machine reaches ${foreign.dst} by ${foreign.dev ?? 'another route'}. ` +
      'Give that network other addresses, or use another worker.',
  );
}
