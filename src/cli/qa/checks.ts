/** What the playbook's checks look at. Each answers what it saw, or throws it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { QaCheck } from '../../lib/playbook.ts';
import type { Cluster, ClusterCheck, ClusterStatus, LaunchPlan } from '../../protocol/cluster.ts';
import type { CarapaceError, ErrorCode } from '../../protocol/errors.ts';
import { dollars } from '../cluster-render.ts';
import type { SkyRow } from './programs.ts';
import { QA_FILES, type VaultFile } from './vault-folders.ts';

/** What the last action has left to look at; what it did not do is absent. */
export interface Seen {
  /** Seconds that it took. */
  readonly seconds?: number;
  /** The states that the server had meanwhile. */
  readonly states?: readonly ClusterStatus[];
  /** Lines of progress. */
  readonly lines?: number;
  readonly refusal?: CarapaceError;
  readonly check?: ClusterCheck;
  /** The state of the control plane that refused, where it was another one. */
  readonly otherState?: ClusterStatus;
  /** How old the state was at most, in seconds. */
  readonly oldest?: number;
  /** SkyPilot's name for the very server that was there before. */
  readonly hash?: string | null;
  /** What was read on the server, by vault and path; an error where it could not be. */
  readonly files?: ReadonlyMap<VaultFile, string | Error>;
}

/** Where checks look. */
export interface Look {
  readonly seen: Seen;
  cluster(signal: AbortSignal): Promise<Cluster>;
  /** @throws Skipped where there is no sky command */
  skyRows(signal: AbortSignal): Promise<readonly SkyRow[]>;
  plan(signal: AbortSignal): Promise<LaunchPlan>;
  /** What the file holds on this machine. */
  expected(file: VaultFile): string | undefined;
}

type Check = (look: Look, signal: AbortSignal) => Promise<string> | string;

/** Any change is shown within 30 s; until then the two may differ. Milliseconds. */
const TRUTH_MS = 30_000;
const AGAIN_MS = 2_000;
/** Characters of a message that are told. */
const MAX_SEEN = 240;

export const CHECKS: Readonly<Record<QaCheck, Check>> = {
  'state-is-running': stateIs('running'),
  'state-is-stopped': stateIs('stopped'),
  'state-is-no-server': stateIs('no_server'),
  'state-was-provisioning': stateWas('provisioning'),
  'state-was-stopping': stateWas('stopping'),
  'state-was-destroying': stateWas('destroying'),
  'within-15-minutes': within(15 * 60),
  'within-3-minutes': within(3 * 60),
  'within-2-minutes': within(2 * 60),
  'within-30-seconds': within(30),
  'progress-was-told': ({ seen: { lines = 0 } }) => expectThat(lines > 0, `${lines} lines`),
  'ip-is-shown': shows(({ ip }) => ip),
  'price-is-shown': shows(({ price_per_hour: price }) => (price === null ? null : `${dollars(price)}/h`)),
  'machine-is-billed': bills('machine'),
  'disk-is-billed': bills('disk'),
  'nothing-is-billed': bills('nothing'),
  'stop-elsewhere-is-noted': shows(({ note }) => note),
  'status-stayed-fresh': ({ seen: { oldest = Infinity } }) =>
    expectThat(oldest <= TRUTH_MS / 1000, `at most ${oldest.toFixed(1)} s old`),
  'sky-agrees': skyAgrees,
  'sky-has-no-server': skyHasNone,
  'sky-has-one-server': skyHasOne,
  'refused-as-second-launch': refused('CONFLICT', 'ALREADY_RUNNING'),
  'refused-without-skypilot': (look) => {
    const { refusal } = look.seen;
    const said = refused('SKY_NOT_INSTALLED')(look);
    return expectThat(refusal?.message.startsWith('SkyPilot not installed') === true, said);
  },
  'refused-without-credentials': refusedNamingClouds,
  'install-command-is-told': ({ seen: { check } }) => {
    const command = check?.install_command ?? null;
    return expectThat(command !== null, command ?? 'no command');
  },
  'launch-is-possible-again': async (look, signal) => {
    const { offer } = await look.plan(signal);
    return offer === null ? 'it could be planned' : `it would be ${offer.instance_type} on ${offer.cloud}`;
  },
  'public-file-is-there': holds(QA_FILES.public),
  'private-file-is-there': holds(QA_FILES.private),
  'ignored-file-is-there': holds(QA_FILES.ignored),
  'changed-file-is-there': holds(QA_FILES.public),
  'added-file-is-there': holds(QA_FILES.added),
};

function expectThat(holds: boolean, seen: string): string {
  if (holds) return seen;
  throw new Error(seen);
}

function stateIs(expected: ClusterStatus): Check {
  return async (look, signal) => {
    const { status, error } = await look.cluster(signal);
    const why = error === null ? '' : `: ${error.message}`;
    return expectThat(status === expected, `the state is "${status}"${why}`);
  };
}

function stateWas(expected: ClusterStatus): Check {
  return ({ seen: { states = [] } }) =>
    expectThat(states.includes(expected), states.join(' → ') || 'no states were told');
}

function within(limit: number): Check {
  return ({ seen: { seconds = Infinity } }) => expectThat(seconds <= limit, `${seconds.toFixed(1)} s`);
}

function shows(fact: (cluster: Cluster) => string | null): Check {
  return async (look, signal) => {
    const shown = fact(await look.cluster(signal));
    return expectThat(shown !== null, shown ?? 'nothing is shown');
  };
}

function bills(expected: Cluster['billed']): Check {
  return async (look, signal) => {
    const { billed } = await look.cluster(signal);
    return expectThat(billed === expected, billed);
  };
}

/** SkyPilot's words for our states of a server at rest. */
const SKY_STATUS: Partial<Record<ClusterStatus, string>> = { running: 'UP', stopped: 'STOPPED' };

async function skyAgrees(look: Look, signal: AbortSignal): Promise<string> {
  const deadline = performance.now() + TRUTH_MS;
  for (;;) {
    const [{ status }, rows] = await Promise.all([look.cluster(signal), look.skyRows(signal)]);
    const theirs = rows[0]?.status;
    const said = `"${status}", and "sky status" says ${theirs ?? 'that there is none'}`;
    const agree = status === 'no_server' ? rows.length === 0 : theirs !== undefined && theirs === SKY_STATUS[status];
    if (agree && rows.length <= 1) return said;
    if (performance.now() >= deadline) throw new Error(said);
    await sleep(AGAIN_MS, undefined, { signal });
  }
}

async function skyHasNone(look: Look, signal: AbortSignal): Promise<string> {
  const rows = await look.skyRows(signal);
  return expectThat(rows.length === 0, `${rows.length} of that name`);
}

async function skyHasOne(look: Look, signal: AbortSignal): Promise<string> {
  const rows = await look.skyRows(signal);
  const same = (rows[0]?.cluster_hash ?? null) === (look.seen.hash ?? null);
  return expectThat(
    rows.length === 1 && same,
    `${rows.length} of that name, ${same ? 'the same' : 'not the same'} as before`,
  );
}

function refused(...codes: ErrorCode[]): (look: Look) => string {
  return ({ seen: { refusal } }) => {
    const said = refusal === undefined ? 'it was not refused' : `${refusal.code}: ${shortened(refusal.message)}`;
    return expectThat(refusal !== undefined && codes.includes(refusal.code), said);
  };
}

/** A message that names every cloud is long. */
export function shortened(text: string): string {
  return text.length <= MAX_SEEN ? text : `${text.slice(0, MAX_SEEN)}…`;
}

function refusedNamingClouds(look: Look): string {
  const said = refused('NO_CREDENTIALS')(look);
  const { check, refusal, otherState } = look.seen;
  const clouds = Object.keys(check?.disabled_clouds ?? {});
  const told = refusal?.message.toLowerCase() ?? '';
  const names = clouds.length === 0 || clouds.some((cloud) => told.includes(cloud.toLowerCase()));
  if (!names) throw new Error(`no cloud is named: ${said}`);
  return expectThat(otherState === 'no_server', `${said} (state "${otherState ?? 'not known'}")`);
}

function holds(file: VaultFile): Check {
  return (look) => {
    const read = look.seen.files?.get(file);
    if (read === undefined) throw new Error('it was not read');
    if (read instanceof Error) throw read;
    const same = read.trimEnd() === look.expected(file)?.trimEnd();
    return expectThat(
      same,
      same ? `${file.vault}/${file.path} is the same` : `it holds "${read.trim().slice(0, 100)}"`,
    );
  };
}
