/** What a worker is asked for, and on whose behalf. */
import type { AgentClient } from '../../../client/agent.ts';
import type { OperationContext } from '../../operations/handler.ts';

/** On whose behalf the worker works: an operation, or the control plane itself. */
export type Work = Pick<OperationContext, 'signal' | 'step' | 'progress'>;

/** Work that no operation stands for. */
export function ownWork(signal: AbortSignal): Work {
  return { signal, step: async (_name, work) => work(), progress: () => undefined };
}

/** What an agent is needed for. */
export type Purpose = 'make' | 'remove';

/** The agent, while somebody holds it. */
export interface HeldAgent {
  /** Calls the agent; where it died, it is started again and called again. */
  call<T>(action: (client: AgentClient, signal: AbortSignal) => Promise<T>): Promise<T>;
}
