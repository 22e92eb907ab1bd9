/** The stages of bin/test, in their order. */
import { readdirSync } from 'node:fs';

/** A command that is one test by its exit code, or one that runs mocha, which counts by itself. */
export interface Step {
  readonly command: readonly string[];
  readonly mocha: boolean;
  /** Whether it is run once more where it failed; what failed the first time is told all the same. Default: no. */
  readonly isTriedAgain?: boolean;
}

export interface Stage {
  readonly name: string;
  readonly about: string;
  /** For each of its steps. */
  readonly deadlineMs: number;
  readonly steps: readonly Step[];
  /** Why the stage cannot run here; it then counts as one test that was skipped. */
  readonly impossible?: string | undefined;
}

const MINUTE = 60_000;
/** Most take milliseconds; a busy machine with few processors may let them wait. */
const UNIT_TEST_MS = MINUTE / 2;

function command(...words: string[]): Step {
  return { command: words, mocha: false };
}

/** One test after the other, each with this time limit. */
function mocha(files: string, timeoutMs: number): Step {
  return { command: ['mocha', '--forbid-only', '--timeout', String(timeoutMs), files], mocha: true };
}

/** The same on another Node than the one that runs this. */
function mochaOn(node: string, files: string, timeoutMs: number): Step {
  const step = mocha(files, timeoutMs);
  return { ...step, command: [node, 'node_modules/mocha/bin/mocha.js', ...step.command.slice(1)] };
}

function inRig(step: Step): Step {
  return { ...step, command: ['test/e2e/skypilot/rig/enter.sh', rig, ...step.command] };
}

/** Where the programs and the machine of the SkyPilot tests are; absent where they cannot be had. */
const rig = process.env['CARAPACE_SKYPILOT'] ?? '';

/** What machines are made of; absent where they cannot be made. */
const images = process.env['CARAPACE_IMAGES'] ?? '';

function withMachines(step: Step): Step {
  const words = ['test/e2e/microvm/enter.sh', 'env', `IMAGES_DIR=${images}`, ...step.command];
  return { ...step, command: words };
}

const SKYPILOT_TESTS = ['task-yaml', 'fake-agrees', 'playbook', 'truth', 'vscode'];

const MACHINE_TESTS = [
  'image',
  'image-build',
  'network',
  'network-attacks',
  'network-bounds',
  'network-crash',
  'qemu',
  'firecracker',
  'firecracker-driver',
  'machine-driver',
  'workshop',
  'attacks',
  'systemd',
];

const UI_TESTS = readdirSync('test/ui').filter((file) => file.endsWith('.test.ts'));

/** Whether the long tests are run, too. */
const isFull = process.env['CARAPACE_TEST_FULL'] === '1';

export const STAGES: readonly Stage[] = [
  {
    name: 'format',
    about: 'every file is formatted',
    deadlineMs: 5 * MINUTE,
    steps: [command('prettier', '--check', '--log-level', 'warn', '.')],
  },
  {
    name: 'lint',
    about: 'type-checked lint and the import rules',
    deadlineMs: 10 * MINUTE,
    steps: [command('eslint', '.', '--max-warnings', '0')],
  },
  {
    name: 'types',
    about: 'the types agree: those of processes, of the page for browsers, and of its tests',
    deadlineMs: 5 * MINUTE,
    steps: ['.', 'src/browser', 'test/unit/browser'].map((project) => command('tsc', '-p', project)),
  },
  {
    name: 'build',
    about: 'the bundles, within their budgets',
    deadlineMs: 5 * MINUTE,
    steps: [command('node', 'esbuild.js', '--production')],
  },
  {
    name: 'unit',
    about: 'the parts by themselves',
    deadlineMs: 20 * MINUTE,
    steps: [mocha('test/unit/**/*.test.ts', UNIT_TEST_MS)],
  },
  {
    name: 'floor',
    about: 'the parts again, on the Node of the oldest VS Code that the manifest admits',
    deadlineMs: 20 * MINUTE,
    steps: [mochaOn(process.env['CARAPACE_FLOOR_NODE'] ?? 'node', 'test/unit/**/*.test.ts', UNIT_TEST_MS)],
  },
  {
    name: 'package',
    about: 'the .vsix and what is in it',
    deadlineMs: 5 * MINUTE,
    steps: [command('npm', 'run', '--silent', 'package'), mocha('test/package/**/*.test.ts', MINUTE)],
  },
  {
    name: 'e2e',
    about: 'the programs together, with real shells',
    deadlineMs: 40 * MINUTE,
    steps: [mocha('test/e2e/*.test.ts', 2 * MINUTE)],
  },
  {
    name: 'skypilot',
    about: 'the real SkyPilot, with a cloud that is played',
    deadlineMs: 20 * MINUTE,
    impossible: rig === '' ? 'it needs root, for namespaces and a machine in a folder' : undefined,
    steps: [
      // Each in a rig of its own: what one leaves to SkyPilot is nothing to the next.
      ...SKYPILOT_TESTS.map((name) => inRig(mocha(`test/e2e/skypilot/${name}.test.ts`, 10 * MINUTE))),
      // The rig itself: what it cannot do the tests above would show, less clearly.
      ...(isFull ? [inRig(mocha('test/e2e/skypilot/rig/*.test.ts', 10 * MINUTE))] : []),
    ],
  },
  {
    name: 'microvm',
    about: 'seats that are machines, emulated where the processor cannot run them itself',
    deadlineMs: 20 * MINUTE,
    impossible: images === '' ? 'it needs root, for networks and machines' : undefined,
    // Emulated machines are fast or slow as the processors are free: what failed once is told, what fails twice is a fault.
    steps: MACHINE_TESTS.map((name) => ({
      ...withMachines(mocha(`test/e2e/microvm/${name}.test.ts`, 5 * MINUTE)),
      isTriedAgain: true,
    })),
  },
  {
    name: 'host',
    about: 'inside the extension host of a real VS Code',
    deadlineMs: 20 * MINUTE,
    steps: [{ command: ['node', 'test/host/runner.ts'], mocha: true }],
  },
  {
    name: 'ui',
    about: 'a real VS Code, used through its screen',
    deadlineMs: 20 * MINUTE,
    // VS Code moves the focus and its lists when it likes: a press that went wrong once is no fault of ours, twice is one.
    steps: UI_TESTS.map((file) => ({ ...mocha(`test/ui/${file}`, 6 * MINUTE), isTriedAgain: true })),
  },
];
