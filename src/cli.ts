/** Entry of dist/cli.cjs: the `carapace` command. */
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { runCommand } from './cli/program.ts';
import { EXIT } from './cli/failures.ts';

/** Nobody reads on: as quiet as the end by SIGPIPE that other programs have there. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.failed);
  throw error;
});

const programFolder = dirname(realpathSync(process.argv[1] ?? '.'));
const { stdin, stdout, stderr, env } = process;

void runCommand(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  environment: env,
  programFolder,
  outcome: { code: EXIT.done },
}).then((code) => {
  process.exit(code);
});
