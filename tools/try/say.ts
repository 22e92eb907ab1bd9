/** What the tools tell the person who started them. */

/** A problem that the person can do something about: shown as its sentence, without a stack. */
export class ToolError extends Error {}

/** Prints a line. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs a tool's main function; a {@link ToolError} becomes a sentence and exit code 1. */
export async function runTool(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    process.stderr.write(`carapace: ${error.message}\n`);
    process.exitCode = 1;
  }
}
