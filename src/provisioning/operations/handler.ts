/** What an operation is made of, for the engine that runs it. */
import type { ErrorInfo } from '../../protocol/errors.ts';
import type { OperationKind } from '../../protocol/operation.ts';
import type { OperationRow } from '../store/operations.ts';

/** Runs a named piece of work; each piece can be repeated after a crash before, in or after it. */
export type Step = <T>(name: string, work: () => T | Promise<T>) => Promise<T>;

/** What a running operation is given. */
export interface OperationContext {
  readonly operation: OperationRow;
  /** Aborted by cancel, the deadline, and the end of the control plane. */
  readonly signal: AbortSignal;
  readonly step: Step;
  /** Tells a person how far it is; `phase` names the part that the line belongs to. */
  readonly progress: (phase: string, message: string) => void;
}

/** One kind of operation. All of it may run again after a crash, so all of it must bear repeating. */
export interface OperationHandler {
  /** For an operation of that scope, where it depends on that. */
  readonly deadlineMs: number | ((scope: string) => number);
  /** Does the work; answers the line that closes it. */
  run(context: OperationContext): Promise<string>;
  /** Takes back what was done, after cancel; answers the line that closes it. Without it there is no cancel. */
  undo?(context: OperationContext): Promise<string>;
  /** Records the failure, in the transaction that ends the operation; answers the error to tell, with what is left. */
  failed(operation: OperationRow, error: ErrorInfo): ErrorInfo;
}

/** Those that run; extending is done when it is recorded. */
export type RunningKind = Exclude<OperationKind, 'workshop.extend'>;

export type OperationHandlers = Readonly<Record<RunningKind, OperationHandler>>;
export type ClusterKind = Extract<RunningKind, `cluster.${string}`>;
export type WorkshopKind = Exclude<RunningKind, ClusterKind>;

/**
 * Which running operations a new one of the same scope ends and waits for, instead of being refused. The store's index on
 * running operations keeps the same order.
 */
const SUPERSEDES: Readonly<Partial<Record<OperationKind, readonly OperationKind[]>>> = {
  'workshop.stop': ['workshop.repair'],
  'workshop.delete': ['workshop.create', 'workshop.start', 'workshop.stop', 'workshop.repair', 'seat.reset'],
  'seat.reset': ['workshop.repair'],
};

export function supersedes(newer: OperationKind, older: OperationKind): boolean {
  return SUPERSEDES[newer]?.includes(older) ?? false;
}
