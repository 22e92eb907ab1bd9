/** Entry of dist/cli.cjs: the `carapace` command. */
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { runCommand } from './cli/program.ts';
import { EXIT } from './cli/failures.ts';

/** Where nobody reads on, as quiet as the end by SIGPIPE that other programs have there; else, as on a full disk, told. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`carapace: The output cannot be written: ${error.message}.\n`);
  process.exit(EXIT.failed);
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
