/** Reading `sky check`: which clouds can be used, and why the others cannot (`sky/check.py`, _print_checked_cloud). */
import * as z from 'zod';
import { plainText } from './text.ts';

/** Clouds as SkyPilot spells them. */
export interface Clouds {
  readonly enabled_clouds: string[];
  readonly disabled_clouds: Record<string, string>;
}

/** They are checked for machines, too, and never have any (`STORAGE_ONLY_CLOUDS`). */
const STORAGE_ONLY = new Set(['Cloudflare', 'CoreWeave', 'VastData', 'HuggingFace']);
const CLOUD_LINE = /^ {2}(\S[^:]*): (enabled|disabled)\b\s*(?:\[(.*?)\])?/;
const REASON_LINE = /^ {4}Reason \[(.*?)\]: (.*)$/;
/** The rest is in the clouds' own manuals. */
const MAX_COMMANDS = 2;
const COMMANDS = /\s*(Run the following commands?|Credentials can be set up by running):\s*$/;

/** The printed text of a check. Clouds that only store files are left out. */
export function cloudsInText(output: string): Clouds {
  const enabled: string[] = [];
  const disabled: Record<string, string> = {};
  let cloud: string | undefined;
  let reason: string[] = [];
  const close = (): void => {
    if (cloud !== undefined && reason.length > 0) disabled[cloud] = reasonInSentences(reason);
    [cloud, reason] = [undefined, []];
  };
  for (const line of plainText(output).split('\n')) {
    const [, name, state, capabilities = ''] = CLOUD_LINE.exec(line) ?? [];
    const [, lacking = '', why = ''] = REASON_LINE.exec(line) ?? [];
    if (name !== undefined || line.trim() === '') {
      close();
      if (state === 'enabled' && capabilities.includes('compute')) enabled.push(name ?? '');
      if (state === 'disabled' && name !== undefined && !STORAGE_ONLY.has(name)) cloud = name;
    } else if (lacking !== '') {
      if (lacking.includes('compute')) reason.push(why);
      else if (reason.length > 0) close();
    } else if (reason.length > 0) {
      reason.push(line.trim());
    }
  }
  close();
  return { enabled_clouds: enabled, disabled_clouds: disabled };
}

/** A reason of many lines in one: what is wrong, the first commands that mend it, and what the cloud said. */
function reasonInSentences(lines: readonly string[]): string {
  const [first = '', second = ''] = lines;
  if (first.startsWith('Traceback')) return `SkyPilot could not check it: ${sentence(lines.at(-1) ?? '')}`;
  const commands = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2).replace(/\s+#.*$/, ''));
  const details = lines.find((line) => line.startsWith('Details: '));
  const goesOn = first.endsWith(':') && !COMMANDS.test(first) && commands.length === 0;
  return [
    sentence(goesOn ? `${first} ${second}` : first.replace(COMMANDS, '')),
    ...(commands.length > 0 ? [`Run: ${commands.slice(0, MAX_COMMANDS).join('; ')}.`] : []),
    ...(details === undefined ? [] : [sentence(details.slice('Details: '.length))]),
  ].join(' ');
}

function sentence(text: string): string {
  const trimmed = text.trim().replace(/[,:;]$/, '');
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** Clouds that can run machines, in the result of a check: `{"default":{"AWS":["compute","storage"]}}` by workspace. */
export function cloudsInResult(result: unknown): string[] | undefined {
  const parsed = z.record(z.string(), z.record(z.string(), z.array(z.string()))).safeParse(result);
  if (!parsed.success) return undefined;
  const clouds = Object.values(parsed.data).flatMap((workspace) => Object.entries(workspace));
  return [...new Set(clouds.flatMap(([cloud, can]) => (can.includes('compute') ? [cloud] : [])))];
}
