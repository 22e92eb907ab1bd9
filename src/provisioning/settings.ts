/** What a control plane is started with, and the bounds of time it keeps. */
import * as z from 'zod';
import { InvalidInputError } from '../protocol/errors.ts';
import type { PublicOptions } from './public-site.ts';

const millisecondsSchema = z.int().min(1).max(86_400_000);

/** Time limits and intervals, all in milliseconds; the defaults are those of the interfaces' description. */
export const timingSchema = z.strictObject({
  /** From starting an agent to its first healthy answer. */
  agentHealthMs: millisecondsSchema.default(120_000),
  /** One seat, from asking for it to its servers' first answer. */
  seatMs: millisecondsSchema.default(30_000),
  /**
   * The same for seats that are machines: without KVM the image takes a minute or two to boot, once, and each seat its
   * seconds. Whole operations get these on top of theirs, and a share for each seat.
   */
  machineAgentMs: millisecondsSchema.default(300_000),
  machineSeatMs: millisecondsSchema.default(200_000),
  /** Whole operations. */
  createMs: millisecondsSchema.default(210_000),
  startMs: millisecondsSchema.default(210_000),
  stopMs: millisecondsSchema.default(180_000),
  deleteMs: millisecondsSchema.default(180_000),
  repairMs: millisecondsSchema.default(180_000),
  resetMs: millisecondsSchema.default(60_000),
  /** From asking an agent to end to ending it by force. */
  agentEndMs: millisecondsSchema.default(5_000),
  /** How often the store is compared with what the agent tells. */
  monitorMs: millisecondsSchema.default(5_000),
  /** How often it is looked who is connected: a teacher sees that within 2 s. */
  connectionsMs: millisecondsSchema.default(1_000),
  /** How long a seat stays unhealthy before it is started again over its files. */
  unhealthySeatMs: millisecondsSchema.default(30_000),
  /** Silence after which a comment is sent on a stream of events. */
  heartbeatMs: millisecondsSchema.default(15_000),
  /** How long a reader of events may take nothing before it is cut off. */
  slowReaderMs: millisecondsSchema.default(30_000),
  /** Whole operations on the cluster; what is left is looked for after these, for at most `clusterCleanupMs`. */
  launchMs: millisecondsSchema.default(900_000),
  clusterStartMs: millisecondsSchema.default(900_000),
  clusterStopMs: millisecondsSchema.default(120_000),
  destroyMs: millisecondsSchema.default(180_000),
  syncMs: millisecondsSchema.default(600_000),
  clusterCleanupMs: millisecondsSchema.default(60_000),
  /** From cancelling a launch to asking the cloud what is left: a machine that was being made shows up meanwhile. */
  clusterSettleMs: millisecondsSchema.default(5_000),
  /** From one look at the cloud to the next while somebody looks or an operation runs. */
  observeMs: millisecondsSchema.default(15_000),
  /** From one look at SkyPilot's own record to the next while an operation runs. */
  observeBusyMs: millisecondsSchema.default(3_000),
  /** From one look at the cloud to the next while there is a server and nobody looks. */
  observeQuietMs: millisecondsSchema.default(300_000),
  /** How long somebody who asked for the cluster counts as looking. */
  watchedMs: millisecondsSchema.default(60_000),
  /** How often it is judged whether anybody works with the server. */
  idleCheckMs: millisecondsSchema.default(60_000),
  /** How long a control plane that was started in the background stays while nobody needs it. */
  idleExitMs: millisecondsSchema.default(600_000),
});
export type Timing = z.infer<typeof timingSchema>;

/** The environment variable that changes some of {@link timingSchema}, as JSON. */
export const TIMING_VARIABLE = 'CARAPACE_TIMING';

/**
 * The time limits: `chosen` over those of the environment over the defaults.
 * @throws InvalidInputError where the variable is malformed
 */
export function readTiming(environment: NodeJS.ProcessEnv, chosen: Partial<Timing> = {}): Timing {
  let fromEnvironment: unknown;
  try {
    fromEnvironment = JSON.parse(environment[TIMING_VARIABLE] ?? '{}');
  } catch (error) {
    throw new InvalidInputError(`${TIMING_VARIABLE} is not JSON.`, undefined, { cause: error });
  }
  const result = timingSchema.safeParse(fromEnvironment);
  if (!result.success) throw new InvalidInputError(`${TIMING_VARIABLE} is not valid: ${z.prettifyError(result.error)}`);
  return timingSchema.parse({ ...result.data, ...chosen });
}

export interface ServeOptions extends PublicOptions {
  /** Holds everything the control plane remembers; made with mode 0700. */
  readonly stateFolder: string;
  /** Default 127.0.0.1; an address that others can reach needs TLS and a token. */
  readonly host?: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Holds agent.cjs and workspace.cjs. */
  readonly programFolder: string;
  readonly timing?: Partial<Timing>;
  /** Started by a client and not by a person: it ends by itself when idle, and makes way for a newer version. */
  readonly background?: boolean;
}
