/** Which processes of the server work, from two looks at /proc: pure. */

/**
 * Share of one core from which a process works, over the sample. A shell, an editor's server, `top`, an idle notebook and
 * SkyPilot's daemons stay under 5 %; a computation takes a core or more. A process that mostly waits, such as a slow
 * download, does not reach it: run as a job of SkyPilot it counts all the same.
 */
export const BUSY_SHARE = 0.2;

/** A look at all processes. `uptime` is in seconds, `ticks` are clock ticks used by a process and its ended children. */
export interface ProcessSample {
  readonly uptime: number;
  readonly ticks: ReadonlyMap<number, number>;
}

/** What is known of a process that used the processor. */
export interface ProcessFacts {
  readonly uid: number;
  readonly command: readonly string[];
  /** The lines of its `cgroup` file. */
  readonly groups: string;
}

/** Their own work is no one's: SSH, the session's own services, and Ray, which SkyPilot runs. */
const DAEMON_PROGRAM =
  /^(.*\/)?(sshd|sshd-session|sftp-server|ssh-agent|systemd|\(sd-pam\)|dbus-daemon|raylet|gcs_server|ray::IDLE)(:|$)/;
/** Programs that Python runs. */
const DAEMON_COMMAND = /\/ray\/(core|dashboard|_private|autoscaler|util\/client)\/|sky\.skylet\.|\/sky\/skylet\//;
/** An editor's remote server and its extensions, where they are the program; what a person runs in its terminal is another. */
const EDITOR_PROGRAM =
  /\/\.(vscode|vscodium|cursor|windsurf|positron)-(server|remote)[^/]*\/|\/code-server\/|\/\.cache\/JetBrains\/RemoteDev\//;
/** Groups of people's sessions and of containers: what runs there belongs to somebody, whoever it runs as. */
const PEOPLES_GROUP = /\/user\.slice\/user-\d|\/docker[-/]|libpod-|\/kubepods|\/containerd-/;

/** Whether its work is a person's. @param uid whose server it is */
export function isPersons(facts: ProcessFacts, uid: number): boolean {
  const [program = ''] = facts.command;
  if (DAEMON_PROGRAM.test(program) || EDITOR_PROGRAM.test(program)) return false;
  if (DAEMON_COMMAND.test(facts.command.slice(0, 4).join(' '))) return false;
  return facts.uid === uid || PEOPLES_GROUP.test(facts.groups);
}

/** The processes that used at least {@link BUSY_SHARE} of a core between two samples. */
export function burning(first: ProcessSample, second: ProcessSample, ticksPerSecond: number): number[] {
  const least = (second.uptime - first.uptime) * ticksPerSecond * BUSY_SHARE;
  if (!(least > 0)) return [];
  return [...second.ticks].flatMap(([pid, ticks]) => (ticks - (first.ticks.get(pid) ?? 0) >= least ? [pid] : []));
}

/** Reads `/proc/uptime` and, below it, the `stat` files of all processes. */
export function parseSample(text: string): ProcessSample {
  const [uptime = '', ...lines] = text.split('\n');
  const ticks = new Map<number, number>();
  for (const line of lines) {
    // A process may be named `) (`: the fields begin behind the last parenthesis.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const used = fields.slice(11, 15).map(Number);
    const pid = parseInt(line, 10);
    if (pid > 0 && used.length === 4)
      ticks.set(
        pid,
        used.reduce((sum, part) => sum + part, 0),
      );
  }
  return { uptime: parseFloat(uptime), ticks };
}
