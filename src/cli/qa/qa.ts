/** `carapace qa`: runs the QA playbook against the real thing, and reports. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { PLAYBOOK, type QaScenario } from '../../lib/playbook.ts';
import { VERSION } from '../../lib/version.ts';
import type { LaunchCluster } from '../../protocol/cluster.ts';
import { ConflictError, InvalidInputError } from '../../protocol/errors.ts';
import { canAsk, confirm } from '../ask.ts';
import { machineRequest, withMachineOptions, type MachineOptions } from '../cluster-launch.ts';
import { dollars, planReport } from '../cluster-render.ts';
import { EXIT } from '../failures.ts';
import { interruptible } from '../interrupt.ts';
import { writeLine, type CliIo } from '../io.ts';
import { controlPlane, withCommonOptions, type CommonOptions } from '../session.ts';
import { endingSignal } from './ending-signal.ts';
import { CLEAN_UP, countOutcomes, markdown, resultLine, totals, type QaReport } from './report.ts';

interface QaOptions extends CommonOptions, MachineOptions {
  readonly scenario?: readonly string[];
  readonly report?: readonly string[];
  readonly jsonLines?: true;
  readonly yes?: true;
}

const INTERRUPTED =
  'Interrupted: what was launched is destroyed first. A second interruption leaves it running, and billed.';

const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function addQaCommand(program: Command, io: CliIo): void {
  const command = program
    .command('qa')
    .description(
      'try the cloud server from launch to destroy, and verify each step. It launches one real server, which costs ' +
        'money, and destroys it at the end, also when something fails; it refuses where there is a server',
    )
    .option('--scenario <id>', `only this one, and what it needs; may be repeated: ${ids(PLAYBOOK)}`, several)
    .option(
      '--report <file>',
      'write the report there: JSON where it ends in .json, else Markdown; may be repeated',
      several,
    )
    .option('--json-lines', 'print each event as it happens, as a line of JSON')
    .option('--yes', 'do not ask before the launch');
  withCommonOptions(withMachineOptions(command)).action((options: QaOptions) => {
    const scenarios = chosen(options.scenario);
    const wish = machineRequest(options);
    if (needsServer(scenarios) && !options.yes && !canAsk(io)) {
      throw new InvalidInputError('A server costs money: this needs --yes where nobody can be asked.', { path: 'yes' });
    }
    return interruptible((signal) => endingSignal(io, signal, (ending) => qa(io, scenarios, wish, options, ending)));
  });
}

function ids(scenarios: readonly QaScenario[]): string {
  return scenarios.map(({ id }) => id).join(', ');
}

/** In the playbook's order. @throws InvalidInputError */
function chosen(names: readonly string[] | undefined): readonly QaScenario[] {
  if (names === undefined) return PLAYBOOK;
  const unknown = names.find((name) => !PLAYBOOK.some(({ id }) => id === name));
  if (unknown === undefined) return PLAYBOOK.filter(({ id }) => names.includes(id));
  throw new InvalidInputError(`There is no scenario "${unknown}". There are: ${ids(PLAYBOOK)}.`, { path: 'scenario' });
}

function needsServer(scenarios: readonly QaScenario[]): boolean {
  return scenarios.some(({ billed }) => billed);
}

async function qa(
  io: CliIo,
  scenarios: readonly QaScenario[],
  machine: LaunchCluster,
  options: QaOptions,
  signal: AbortSignal,
): Promise<void> {
  const client = await controlPlane(io, options, signal);
  await refuseExisting(client, signal);
  // Loaded here and not above: the other commands start faster without what runs programs.
  const { VaultFolders } = await import('./vault-folders.ts');
  const vaults = await VaultFolders.create(`carapace qa ${new Date().toISOString()}`);
  try {
    const wish = { ...machine, vaults: vaults.paths };
    const price = needsServer(scenarios) ? await showPrice(io, client, wish, options, signal) : null;
    const { Programs } = await import('./programs.ts');
    const { CloudWorld } = await import('./cloud-world.ts');
    const { runPlaybook } = await import('./runner.ts');
    const programs = await Programs.find(io.environment, machine.sky_path, signal);
    const live = liveOutput(io, options);
    const world = new CloudWorld({
      client,
      programs,
      vaults,
      wish,
      programFolder: io.programFolder,
      onLine: live.line,
    });
    const startedAt = new Date().toISOString();
    signal.addEventListener('abort', () => live.line(INTERRUPTED), { once: true });
    live.event({ type: 'plan', scenarios, price_per_hour: price });
    const results = await runPlaybook(scenarios, world, {
      signal,
      onBegin: (scenario, step) => {
        live.line(`${scenario.title}: ${step.title}`);
        live.event({ type: 'begin', scenario: scenario.id, step: step.id, title: step.title });
      },
      onResult: (result) => {
        live.line(resultLine(result));
        live.event({ type: 'result', ...result });
      },
    });
    const report: QaReport = {
      version: VERSION,
      control_plane: options.server ?? 'this machine',
      started_at: startedAt,
      ended_at: new Date().toISOString(),
      interrupted: signal.aborted,
      price_per_hour: price,
      ...countOutcomes(results),
      scenarios: [...scenarios.map(({ id, title }) => ({ id, title })), CLEAN_UP],
      results,
    };
    await tell(io, report, options);
    if (report.failed > 0) io.outcome.code = EXIT.failed;
  } finally {
    await vaults.remove();
  }
  signal.throwIfAborted();
}

/** @throws ConflictError */
async function refuseExisting(client: ControlPlaneClient, signal: AbortSignal): Promise<void> {
  const { name, status } = await client.getCluster(signal);
  if (status === 'no_server') return;
  throw new ConflictError(
    `There is a server: ${name} is ${status}. The playbook launches and destroys one of its own, so destroy yours first.`,
  );
}

/** Shows what would be launched, and asks where somebody can be asked; answers its price. */
async function showPrice(
  io: CliIo,
  client: ControlPlaneClient,
  wish: LaunchCluster,
  options: QaOptions,
  signal: AbortSignal,
): Promise<number | null> {
  const plan = await client.planCluster(wish, signal);
  const { price_per_hour: price } = plan;
  if (!options.json && !options.jsonLines) await writeLine(io.stderr, planReport(wish, plan));
  if (options.yes) return price;
  const costs = price === null ? 'at a price that is not known' : `at ${dollars(price)}/h`;
  await confirm(io, `Launch this server ${costs}, and destroy it at the end?`, 'Nothing was launched.', signal);
  return price;
}

interface LiveOutput {
  /** For a person, on standard error. */
  readonly line: (line: string) => void;
  /** For a program, on standard output. */
  readonly event: (event: { readonly type: string } & Record<string, unknown>) => void;
}

function liveOutput(io: CliIo, { json, jsonLines }: QaOptions): LiveOutput {
  return {
    line: (line) => {
      if (!json && !jsonLines) io.stderr.write(`${line}\n`);
      else if (jsonLines) io.stdout.write(`${JSON.stringify({ type: 'line', line })}\n`);
    },
    event: (event) => {
      if (jsonLines) io.stdout.write(`${JSON.stringify(event)}\n`);
    },
  };
}

async function tell(io: CliIo, report: QaReport, options: QaOptions): Promise<void> {
  for (const file of options.report ?? []) {
    const text = file.endsWith('.json') ? JSON.stringify(report, null, 2) : markdown(report);
    await writeFileAtomic(resolve(file), `${text}\n`, 0o644);
  }
  if (options.jsonLines) await writeLine(io.stdout, JSON.stringify({ type: 'report', report }));
  else if (options.json) await writeLine(io.stdout, JSON.stringify(report));
  else await writeLine(io.stdout, totals(report));
}
