/**
 * Finds firewalls of others on this worker that drop what seats send: a packet has to pass every table, so an accept of
 * ours does not help against their drop. They are not ours to change; we say what to do.
 */
import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { findProgram } from '../../lib/find-program.ts';
import { parseInput } from '../../protocol/errors.ts';
import { run } from './programs.ts';
import { BRIDGE } from './seat-network.ts';
import { TABLE } from './worker-rules.ts';

const chainSchema = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.optional(z.string()),
  policy: z.optional(z.string()),
});
export type Chain = z.infer<typeof chainSchema>;

const listingSchema = z.object({ nftables: z.array(z.object({ chain: z.optional(chainSchema) })) });

/** Packets of seats come by these: to the internet, and to the worker's DNS forwarder. */
const HOOKS = new Set(['forward', 'input']);
const FAMILIES = new Set(['ip', 'inet']);

/** Of the chains that `nft -j list chains` tells, those of others that drop what no rule of theirs accepts. */
export function droppingChains(json: string): Chain[] {
  const { nftables } = parseInput(listingSchema, JSON.parse(json));
  return nftables.flatMap(({ chain }) => (chain !== undefined && isDropping(chain) ? [chain] : []));
}

function isDropping({ family, table, hook, policy }: Chain): boolean {
  return table !== TABLE && FAMILIES.has(family) && HOOKS.has(hook ?? '') && policy === 'drop';
}

const FORWARD_ADVICE = [
  `iptables -I FORWARD -i ${BRIDGE.name} -j ACCEPT`,
  `iptables -I FORWARD -o ${BRIDGE.name} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
];
const INPUT_ADVICE = [
  `iptables -I INPUT -i ${BRIDGE.name} -p udp --dport 53 -j ACCEPT`,
  `iptables -I INPUT -i ${BRIDGE.name} -p tcp --dport 53 -j ACCEPT`,
];

interface Findings {
  readonly docker: boolean;
  readonly ufw: boolean;
}

/** What a person does about a chain, by who made its table. */
function advice(hook: string, { docker, ufw }: Findings): string {
  if (hook === 'forward') {
    if (docker) return FORWARD_ADVICE.map((line) => line.replace('FORWARD', 'DOCKER-USER')).join(' && ');
    if (ufw) return `ufw route allow in on ${BRIDGE.name}`;
    return FORWARD_ADVICE.join(' && ');
  }
  return ufw ? `ufw allow in on ${BRIDGE.name} to any port 53` : INPUT_ADVICE.join(' && ');
}

/** A sentence on a chain that drops; undefined where its table speaks of our bridge: somebody has thought of it. */
export function warningOf(hook: string, where: string, rules: string): string | undefined {
  if (rules.includes(BRIDGE.name)) return undefined;
  const found = { docker: rules.includes('DOCKER-USER'), ufw: rules.includes('ufw-') };
  const who = found.docker ? 'Docker' : found.ufw ? 'ufw' : 'another firewall';
  const what = hook === 'forward' ? 'seats do not reach the internet' : 'seats cannot resolve names';
  return `The rules of ${who} on this worker (${where}) drop what they do not know, so ${what}. To let seats through: ${advice(hook, found)}`;
}

/** Rules of the older kind are not in nft's list. */
async function legacyWarnings(signal: AbortSignal): Promise<(string | undefined)[]> {
  const tables = await readFile('/proc/self/net/ip_tables_names', 'utf8').catch(() => '');
  if (!tables.split('\n').includes('filter') || findProgram('iptables-legacy') === undefined) return [];
  const rules = await run(['iptables-legacy', '-S'], { signal });
  return ['FORWARD', 'INPUT'].map((chain) => {
    if (!rules.includes(`-P ${chain} DROP`)) return undefined;
    return warningOf(chain.toLowerCase(), `iptables-legacy, chain ${chain}`, rules);
  });
}

/** firewalld accepts by policy and rejects by its last rule. */
async function firewalldWarnings(json: string, signal: AbortSignal): Promise<(string | undefined)[]> {
  if (!/"table": ?"firewalld"/.test(json)) return [];
  const rules = await run(['nft', 'list', 'table', 'inet', 'firewalld'], { signal });
  if (rules.includes(BRIDGE.name)) return [];
  const command = `firewall-cmd --permanent --zone=trusted --add-interface=${BRIDGE.name} && firewall-cmd --reload`;
  return [`firewalld on this worker rejects what seats send. To let seats through: ${command}`];
}

export async function findForeignDrops(signal: AbortSignal): Promise<readonly string[]> {
  const json = await run(['nft', '-j', 'list', 'chains'], { signal });
  const warnings = [...(await legacyWarnings(signal)), ...(await firewalldWarnings(json, signal))];
  for (const { family, table, name, hook } of droppingChains(json)) {
    const rules = await run(['nft', 'list', 'table', family, table], { signal });
    warnings.push(warningOf(hook ?? '', `table ${family} ${table}, chain ${name}`, rules));
  }
  return warnings.filter((warning) => warning !== undefined);
}
