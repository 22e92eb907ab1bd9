/** Makes, mends, checks and removes what one slot consists of. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { UnavailableError } from '../../protocol/errors.ts';
import { isUp, linkedSlots, listLinks, listNamespaces, readLinks, SHOW_LINKS, type Link } from './kernel-state.ts';
import { hostLink, INNER_LINK, namespaceName, namespacePath, type Owner } from './names.ts';
import { batch, inNamespace, run, type CommandLine } from './programs.ts';
import * as plan from './seat-plan.ts';
import { BRIDGE, GUEST } from './seat-network.ts';
import { TABLE } from './worker-rules.ts';

const IP_BATCH: CommandLine = ['ip', '-batch', '-'];

/** The tables that {@link plan.seatRules} makes, as `nft list tables` names them. */
const SEAT_TABLES = [`table inet ${TABLE}`, `table netdev ${TABLE}`];

/** Whether the kernel speaks IPv6 on a link of this process's namespace, by its file for {@link disableIpv6}. */
function ipv6Setting(link: string): string {
  return `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;
}

/** Before the link is up, so that it never has an address of its own making. */
export async function disableIpv6(link: string): Promise<void> {
  if (existsSync(ipv6Setting(link))) await writeFile(ipv6Setting(link), '1');
}

export class Slot {
  readonly number: number;
  readonly #owner: Owner;
  readonly #path: string;

  constructor(owner: Owner, number: number) {
    this.number = number;
    this.#owner = owner;
    this.#path = namespacePath(owner, number);
  }

  /** Makes all of it; the link to the bridge goes up last. On failure the caller removes what there is. */
  async make(signal: AbortSignal): Promise<void> {
    const creation = [
      ...plan.namespaceCreation(this.#owner, this.number),
      ...plan.vethCreation(this.#owner, this.number),
    ];
    await run(IP_BATCH, { input: batch(creation), signal });
    await this.#inside(IP_BATCH, signal, batch(plan.TAP_CREATION));
    await this.#configure(signal);
  }

  /**
   * Brings back what is missing around a machine that runs; its TAP device ends with its connection to the machine.
   * @throws UnavailableError where that is gone
   */
  async mend(signal: AbortSignal): Promise<void> {
    const inner = await this.#innerLinks(signal);
    if (inner?.has(GUEST.tap) !== true) {
      throw new UnavailableError(
        `The TAP device of the seat at ${namespaceName(this.#owner, this.number)} is gone: the seat has to be reset.`,
      );
    }
    if (!inner.has(INNER_LINK)) {
      const creation = batch(plan.vethCreation(this.#owner, this.number));
      await run(IP_BATCH, { input: creation, signal });
    }
    await this.#configure(signal);
  }

  async isWhole(signal?: AbortSignal): Promise<boolean> {
    const inner = await this.#innerLinks(signal);
    if (inner === undefined || !isUp(inner.get(GUEST.tap)) || !isUp(inner.get(INNER_LINK))) return false;
    const outer = (await listLinks(signal)).get(hostLink(this.number));
    if (!isUp(outer) || !isAttached(outer)) return false;
    const tables = (await this.#inside(['nft', 'list', 'tables'], signal)).split('\n');
    return SEAT_TABLES.every((table) => tables.includes(table));
  }

  /** Removes all of it, whatever there is; also what a process that is still inside would keep alive. */
  async remove(): Promise<void> {
    if (existsSync(this.#path)) {
      await this.#removeLinks();
      await run(['ip', 'netns', 'delete', namespaceName(this.#owner, this.number)]).catch((error: unknown) => {
        if (existsSync(this.#path)) throw error;
      });
    }
    await this.#removeOrphan();
  }

  /** The removal of a veth's one end is that of both, and has happened when the program ends. */
  async #removeLinks(): Promise<void> {
    const removal = [INNER_LINK, GUEST.tap].map((link) => `link delete dev ${link}`);
    // There may be no such link, and the file may be no namespace any more.
    await this.#inside(['ip', '-force', '-batch', '-'], undefined, batch(removal)).catch(() => undefined);
  }

  /** A link whose namespace has no file any more; that of another agent's seat has one. */
  async #removeOrphan(): Promise<void> {
    if (!(await linkedSlots()).has(this.number)) return;
    const namespaces = await listNamespaces();
    if (namespaces.some(({ slot }) => slot === this.number)) return;
    await run(['ip', 'link', 'delete', 'dev', hostLink(this.number)]);
  }

  async #configure(signal: AbortSignal): Promise<void> {
    await this.#inside(['sysctl', '-e', '-q', '-w', ...plan.SETTINGS], signal);
    await this.#inside(['nft', '-f', '-'], signal, plan.seatRules(this.number));
    await this.#inside(IP_BATCH, signal, batch(plan.addressing(this.number)));
    await this.#inside(['tc', '-batch', '-'], signal, batch(plan.RATES));
    await disableIpv6(hostLink(this.number));
    await run(IP_BATCH, { input: batch(plan.attachment(this.number)), signal });
  }

  #inside(command: CommandLine, signal?: AbortSignal, input?: string): Promise<string> {
    return run(inNamespace(this.#path, command), { signal, ...(input !== undefined && { input }) });
  }

  /** Undefined where there is no namespace, or a file of its name that is none. */
  async #innerLinks(signal?: AbortSignal): Promise<ReadonlyMap<string, Link> | undefined> {
    if (!existsSync(this.#path)) return undefined;
    try {
      return readLinks(await this.#inside(SHOW_LINKS, signal));
    } catch (error) {
      if (error instanceof UnavailableError) return undefined;
      throw error;
    }
  }
}

function isAttached(link: Link | undefined): boolean {
  return link?.master === BRIDGE.name && link.linkinfo?.info_slave_data?.isolated === true;
}
