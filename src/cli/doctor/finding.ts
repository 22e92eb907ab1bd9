/** One thing that `carapace doctor` looked at. */
export interface Finding {
  readonly what: 'node' | 'state_folder' | 'disk' | 'store' | 'control_plane' | 'port';
  readonly ok: boolean;
  readonly said: string;
  /** What to do where it is not well. */
  readonly next: string | null;
}

export function well(what: Finding['what'], said: string): Finding {
  return { what, ok: true, said, next: null };
}

export function bad(what: Finding['what'], said: string, next: string): Finding {
  return { what, ok: false, said, next };
}
