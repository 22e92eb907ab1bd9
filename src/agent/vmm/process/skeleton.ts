/** What a new home starts with. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

function files(seatId: number): Record<string, string> {
  return {
    '.bashrc': [
      '# Yours to change: this runs in each new terminal.',
      `PS1='seat-${seatId}:\\w$ '`,
      "alias ls='ls --color=auto'",
      'HISTCONTROL=ignoreboth',
      'shopt -s checkwinsize',
      '',
    ].join('\n'),
    '.profile': '[ -n "$BASH_VERSION" ] && . "$HOME/.bashrc"\n',
  };
}

/** Makes the home of a seat with its first files. */
export async function makeHome(home: string, seatId: number): Promise<void> {
  await mkdir(home, { mode: 0o700 });
  for (const [name, text] of Object.entries(files(seatId))) await writeFile(join(home, name), text, { mode: 0o644 });
}
