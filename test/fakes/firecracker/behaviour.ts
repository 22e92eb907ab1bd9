/** How the fake behaves: `behaviour.json` beside the programs, read anew by every process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Behaviour {
  readonly version: string;
  /** Default: the same. */
  readonly jailerVersion?: string;
  /** What the processor is: a snapshot of another one is refused. */
  readonly cpu: string;
  /** `missing`: no machine starts; `hangs`: machines start and nothing runs in them. */
  readonly kvm: 'works' | 'missing' | 'hangs';
  /** How long a machine boots before it has a channel and servers, in milliseconds. */
  readonly bootMs: number;
  /** Ends the process with that exit code once this was asked, such as `PUT /actions`, instead of an answer. */
  readonly dieOn?: { readonly request: string; readonly code: number };
  /** Never answers this. */
  readonly hangOn?: string;
  /** Refuses this with a text. */
  readonly refuse?: { readonly request: string; readonly fault: string };
  /** Plays a guest behind the TAP, with both servers. */
  readonly guest: boolean;
  /** How often the guest writes a line to its console, in milliseconds. */
  readonly chatterMs?: number;
}

const WELL: Behaviour = { version: '1.17.0', cpu: 'GenuineFake', kvm: 'works', bootMs: 20, guest: false };

/** @param folder where the fake was installed */
export function behaviourOf(folder: string): Behaviour {
  try {
    return { ...WELL, ...(JSON.parse(readFileSync(join(folder, 'behaviour.json'), 'utf8')) as Partial<Behaviour>) };
  } catch {
    return WELL;
  }
}
