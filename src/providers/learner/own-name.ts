/** What a person is probably called, as a proposal. */
import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { cleanEnvironment } from '../../lib/child-environment.ts';
import { nameSchema } from '../../protocol/names.ts';

const GIT_DEADLINE_MS = 1_500;

/** The name that git signs with, else that of the account; '' where neither is known. */
export async function ownName(): Promise<string> {
  return asName(await gitName()) ?? asName(accountName()) ?? '';
}

async function gitName(): Promise<string> {
  const options = { timeout: GIT_DEADLINE_MS, env: cleanEnvironment(), encoding: 'utf8' as const };
  return promisify(execFile)('git', ['config', '--global', 'user.name'], options).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function asName(text: string): string | undefined {
  const name = nameSchema.safeParse(text);
  return name.success ? name.data : undefined;
}
