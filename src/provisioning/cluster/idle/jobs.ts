/** Whether the server works on something. */
import { UnavailableError } from '../../../protocol/errors.ts';
import { quote, type RemoteShell } from '../vaults/remote-shell.ts';
import { burning, isPersons, parseSample, type ProcessFacts } from './processes.ts';

const SAMPLE_SECONDS = 2;
const DEADLINE_MS = 30_000;

/** States of jobs that have not ended, and where SkyPilot 0.14 has them (`sky/skylet/job_lib.py`). */
const COUNT_JOBS = `
import os, sqlite3
path = os.path.join(os.path.expanduser(os.environ.get('SKY_RUNTIME_DIR', '~')), '.sky/jobs.db')
database = sqlite3.connect('file:' + path + '?mode=ro', uri=True, timeout=5)
states = ('INIT', 'PENDING', 'SETTING_UP', 'RUNNING')
print(database.execute('SELECT COUNT(*) FROM jobs WHERE status IN (?, ?, ?, ?)', states).fetchone()[0])
`;

const PART = 'carapace-part\n';

/** The parts are told apart by lines of {@link PART}. Each reads /proc with one process, however many there are. */
function lookCommand(): string {
  const sample = `cat /proc/uptime /proc/[0-9]*/stat 2>/dev/null`;
  const runtime = '"${SKY_RUNTIME_DIR:-$HOME}/.sky';
  const python = `python=$(cat ${runtime}/python_path" 2>/dev/null); [ -x "$python" ] || python=python3`;
  return [
    `export LC_ALL=C`,
    `if [ -e ${runtime}/jobs.db" ]; then ${python}; jobs=$("$python" -c ${quote(COUNT_JOBS)}); else jobs=0; fi`,
    `part() { printf 'carapace-part\\n'; }`,
    `part; echo "$jobs $(id -u) $(getconf CLK_TCK)"`,
    `part; ${sample}; sleep ${SAMPLE_SECONDS}`,
    `part; ${sample}`,
    `part; stat -c '%n %u' /proc/[0-9]* 2>/dev/null`,
    `part; grep -aH '' /proc/[0-9]*/cmdline 2>/dev/null`,
    `part; grep -aH '' /proc/[0-9]*/cgroup 2>/dev/null`,
    `true`,
  ].join('\n');
}

/**
 * Whether a job runs on the server: one of SkyPilot's that has not ended, or a process of a person that takes a fifth of a core or more
 * over 2 s ({@link isPersons} and BUSY_SHARE say which). One command, 3 s, well under 1 % of a core when asked every 2 min. It opens no
 * terminal, so SkyPilot does not count it as use.
 * @throws UnavailableError where the server cannot be reached or does not tell
 */
export async function readServerBusy(server: RemoteShell, signal: AbortSignal): Promise<boolean> {
  const answer = await server.run(lookCommand(), { signal, deadlineMs: DEADLINE_MS });
  return judgeLook(answer.stdout.toString('latin1'));
}

/** What the command's output says. @throws UnavailableError where it says nothing */
export function judgeLook(output: string): boolean {
  const [, head = '', first = '', second = '', owners = '', commands = '', groups = ''] = output.split(PART);
  const found = /^(\d+) (\d+) (\d+)\n$/.exec(head);
  if (found === null) throw new UnavailableError('The server does not tell whether a job runs on it.');
  const [jobs = 0, uid = 0, ticksPerSecond = 100] = found.slice(1).map(Number);
  if (jobs > 0) return true;
  const uids = byProcess(owners, / /);
  const commandLines = byProcess(commands, /\/cmdline:/);
  const groupLines = byProcess(groups, /\/cgroup:/);
  return burning(parseSample(first), parseSample(second), ticksPerSecond).some((pid) => {
    const facts: ProcessFacts = {
      uid: Number(uids.get(pid) ?? NaN),
      command: (commandLines.get(pid) ?? '').split('\0'),
      groups: groupLines.get(pid) ?? '',
    };
    return isPersons(facts, uid);
  });
}

/** Lines `/proc/PID` SEPARATOR text, joined by process. Kernel threads have no command line and do not come up there. */
function byProcess(text: string, separator: RegExp): Map<number, string> {
  const found = new Map<number, string>();
  for (const line of text.split('\n')) {
    const pid = parseInt(line.slice('/proc/'.length), 10);
    const at = line.search(separator);
    if (!(pid > 0) || at < 0) continue;
    const rest = line.slice(at).replace(separator, '');
    const before = found.get(pid);
    found.set(pid, before === undefined ? rest : `${before}\n${rest}`);
  }
  return found;
}
