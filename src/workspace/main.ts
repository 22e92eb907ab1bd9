/** The workspace server: runs inside a seat as the learner's user and serves its terminals and files. */
import { createLog } from '../lib/log.ts';
import { parseArguments, USAGE, UsageError } from './arguments.ts';
import { startWorkspaceServer } from './workspace-server.ts';

const USAGE_EXIT_CODE = 2;
/** Past this, the process ends whatever still hangs. */
const STOP_DEADLINE_MS = 4000;

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  const log = createLog('workspace');
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'the server ends because of a defect');
    process.exit(1);
  });
  const server = await startWorkspaceServer({ ...options, log });
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
    void server.stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
}

main().catch((error: unknown) => {
  const usage = error instanceof UsageError ? `\n${USAGE}` : '';
  process.stderr.write(`workspace: ${error instanceof Error ? error.message : String(error)}${usage}\n`);
  process.exitCode = error instanceof UsageError ? USAGE_EXIT_CODE : 1;
});
