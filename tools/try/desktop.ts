/** The desktop edition of VS Code, by its command `code`. */
import { execa } from 'execa';
import { cleanEnvironment } from '../../src/lib/child-environment.ts';
import { findProgram } from './open-page.ts';
import { ToolError } from './say.ts';

/**
 * Runs `code` with these arguments. In a remote window's terminal `code` is a small program that talks to that window
 * through VSCODE_IPC_HOOK_CLI; everywhere else nothing of an editor's environment must reach it.
 */
export async function runCode(...args: string[]): Promise<void> {
  const code = findProgram('code') ?? 'code';
  const hook = process.env['VSCODE_IPC_HOOK_CLI'];
  const remote = code.includes('remote-cli') && hook !== undefined;
  const env = { ...cleanEnvironment(), ...(remote && { VSCODE_IPC_HOOK_CLI: hook }) };
  const run = await execa(code, args, { env, extendEnv: false, stdin: 'ignore', all: true, reject: false });
  if (run.failed)
    throw new ToolError(`"code ${args.join(' ')}" failed. bin/try --browser works without it.\n${run.all}`);
}
