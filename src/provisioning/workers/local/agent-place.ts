/** Where the agent of each local worker lives. */
import { dirname, join } from 'node:path';
import { imagesFolder } from '../../../lib/machine-image.ts';
import { socketFolder, statePaths } from '../../../lib/state-folder.ts';
import type { SeatRuntime } from '../../../protocol/workshop.ts';
import type { AgentPlace } from './agent-process.ts';

/** Folders of their own: `worker`, `run` and `logs/agent.log`, with the runtime's name behind it for machines. */
export function agentPlace(stateFolder: string, programFolder: string, runtime: SeatRuntime): AgentPlace {
  const { worker, logs } = statePaths(stateFolder);
  const kind = runtime === 'process' ? '' : `-${runtime}`;
  const logFile = join(logs, `agent${kind}.log`);
  return {
    runtime,
    program: join(programFolder, 'agent.cjs'),
    stateFolder: worker + kind,
    socketFolder: socketFolder(stateFolder, kind),
    imagesFolder: imagesFolder(),
    logFile,
    logFolder: dirname(logFile),
  };
}
