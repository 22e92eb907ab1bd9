/**
 * The QA playbook of the cloud server, as data: what a person would try after a change, in which order, and what has to be
 * seen then. `carapace qa` runs it against the real thing; an editor can show it as a checklist. No logic here.
 */

/** What a step does. */
export const QA_ACTIONS = [
  'launch',
  'launch-again',
  'launch-without-skypilot',
  'launch-without-credentials',
  'start',
  'stop',
  'stop-elsewhere',
  'destroy',
  'watch-status',
  'read-vaults',
  'change-vaults-and-sync',
] as const;
export type QaAction = (typeof QA_ACTIONS)[number];

/** What is looked at after a step. */
export const QA_CHECKS = [
  'state-is-running',
  'state-is-stopped',
  'state-is-no-server',
  'state-was-provisioning',
  'state-was-stopping',
  'state-was-destroying',
  'within-15-minutes',
  'within-3-minutes',
  'within-2-minutes',
  'within-30-seconds',
  'progress-was-told',
  'ip-is-shown',
  'price-is-shown',
  'machine-is-billed',
  'disk-is-billed',
  'nothing-is-billed',
  'stop-elsewhere-is-noted',
  'status-stayed-fresh',
  'sky-agrees',
  'sky-has-no-server',
  'sky-has-one-server',
  'refused-as-second-launch',
  'refused-without-skypilot',
  'refused-without-credentials',
  'install-command-is-told',
  'launch-is-possible-again',
  'public-file-is-there',
  'private-file-is-there',
  'ignored-file-is-there',
  'changed-file-is-there',
  'added-file-is-there',
] as const;
export type QaCheck = (typeof QA_CHECKS)[number];

/** A thing to verify: the check that does it, and what it looks for in a person's words. */
export interface QaVerification {
  readonly check: QaCheck;
  readonly expects: string;
}

export interface QaStep {
  readonly id: string;
  /** What is done, as told to a person. */
  readonly title: string;
  readonly action: QaAction;
  readonly verify: readonly QaVerification[];
}

/** How the server has to be before a scenario begins; `any` is running or stopped. */
export type QaNeeds = 'no_server' | 'running' | 'stopped' | 'any';

export interface QaScenario {
  readonly id: string;
  readonly title: string;
  readonly needs: QaNeeds;
  /** Whether it needs or makes a machine that costs money. */
  readonly billed: boolean;
  readonly steps: readonly QaStep[];
}

const NO_MACHINE: readonly QaVerification[] = [
  { check: 'state-is-no-server', expects: 'the state is still "no_server"' },
  { check: 'sky-has-no-server', expects: '"sky status" has no such cluster' },
];

const LAUNCHED: readonly QaVerification[] = [
  { check: 'state-was-provisioning', expects: 'on its way the state was "provisioning"' },
  { check: 'state-is-running', expects: 'the state is "running"' },
  { check: 'within-15-minutes', expects: 'it took at most 15 minutes' },
  { check: 'progress-was-told', expects: 'lines told how far it was' },
  { check: 'ip-is-shown', expects: 'an IP address is shown' },
  { check: 'sky-agrees', expects: '"sky status" says that it is up' },
];

const FILES: readonly QaVerification[] = [
  { check: 'public-file-is-there', expects: 'the file of the public vault is on the server' },
  { check: 'private-file-is-there', expects: 'the file of the private vault is on the server' },
];

/** In the order in which they cost the least: one server is launched for all of them. */
export const PLAYBOOK: readonly QaScenario[] = [
  {
    id: 'missing-skypilot',
    title: 'SkyPilot is missing',
    needs: 'no_server',
    billed: false,
    steps: [
      {
        id: 'launch',
        title: 'Launch with a path at which there is no sky command',
        action: 'launch-without-skypilot',
        verify: [
          {
            check: 'refused-without-skypilot',
            expects: 'it is refused, and the message begins "SkyPilot not installed"',
          },
          { check: 'install-command-is-told', expects: 'the command that installs it is told' },
          ...NO_MACHINE,
        ],
      },
    ],
  },
  {
    id: 'missing-credentials',
    title: 'The credentials of every cloud are missing',
    needs: 'no_server',
    billed: false,
    steps: [
      {
        id: 'launch',
        title: 'Launch from a home folder without credentials',
        action: 'launch-without-credentials',
        verify: [
          {
            check: 'refused-without-credentials',
            expects: 'it is refused for the missing credentials, naming a cloud',
          },
          ...NO_MACHINE,
        ],
      },
    ],
  },
  {
    id: 'launch',
    title: 'Launch a server',
    needs: 'no_server',
    billed: true,
    steps: [
      {
        id: 'launch',
        title: 'Launch with a file in each vault',
        action: 'launch',
        verify: [
          ...LAUNCHED,
          { check: 'price-is-shown', expects: 'its price per hour is shown' },
          { check: 'machine-is-billed', expects: 'it says that the machine is billed' },
        ],
      },
    ],
  },
  {
    id: 'status',
    title: 'The state is true and fresh',
    needs: 'running',
    billed: true,
    steps: [
      {
        id: 'watch',
        title: 'Watch the state for 45 seconds',
        action: 'watch-status',
        verify: [
          { check: 'status-stayed-fresh', expects: 'it was never older than 30 seconds' },
          { check: 'sky-agrees', expects: '"sky status" says the same' },
        ],
      },
    ],
  },
  {
    id: 'duplicate-launch',
    title: 'A second launch is prevented',
    needs: 'running',
    billed: true,
    steps: [
      {
        id: 'launch',
        title: 'Launch while the server runs',
        action: 'launch-again',
        verify: [
          { check: 'refused-as-second-launch', expects: 'it is refused, for there is a server' },
          { check: 'state-is-running', expects: 'the state is still "running"' },
          { check: 'sky-has-one-server', expects: '"sky status" has one such cluster, the same as before' },
        ],
      },
    ],
  },
  {
    id: 'vault-mounts',
    title: 'The vaults are on the server',
    needs: 'running',
    billed: true,
    steps: [
      {
        id: 'read',
        title: 'Read the files of both vaults by ssh',
        action: 'read-vaults',
        verify: [
          ...FILES,
          { check: 'ignored-file-is-there', expects: 'so is a file that a .gitignore in the vault names' },
        ],
      },
      {
        id: 'sync',
        title: 'Change a file and add one, sync, and read them by ssh',
        action: 'change-vaults-and-sync',
        verify: [
          { check: 'changed-file-is-there', expects: 'the changed file is on the server as it is here' },
          { check: 'added-file-is-there', expects: 'the added file is on the server' },
        ],
      },
    ],
  },
  {
    id: 'stop',
    title: 'Stop the server',
    needs: 'running',
    billed: true,
    steps: [
      {
        id: 'stop',
        title: 'Stop it',
        action: 'stop',
        verify: [
          { check: 'state-was-stopping', expects: 'on its way the state was "stopping"' },
          { check: 'state-is-stopped', expects: 'the state is "stopped"' },
          { check: 'within-2-minutes', expects: 'it took at most 2 minutes' },
          { check: 'disk-is-billed', expects: 'it says that only the disk is billed' },
          { check: 'sky-agrees', expects: '"sky status" says that it is stopped' },
        ],
      },
      {
        id: 'launch',
        title: 'Launch while it is stopped',
        action: 'launch-again',
        verify: [{ check: 'refused-as-second-launch', expects: 'it is refused, for there is a server' }],
      },
    ],
  },
  {
    id: 'start',
    title: 'Start the stopped server',
    needs: 'stopped',
    billed: true,
    steps: [
      { id: 'start', title: 'Start it', action: 'start', verify: LAUNCHED },
      { id: 'read', title: 'Read the files of both vaults by ssh', action: 'read-vaults', verify: FILES },
    ],
  },
  {
    id: 'stopped-elsewhere',
    title: 'A stop in another terminal is seen',
    needs: 'running',
    billed: true,
    steps: [
      {
        id: 'stop',
        title: 'Stop it by the sky command',
        action: 'stop-elsewhere',
        verify: [
          { check: 'within-30-seconds', expects: 'the state was "stopped" within 30 seconds of the end of "sky stop"' },
          { check: 'stop-elsewhere-is-noted', expects: 'a line says that it was not stopped from here' },
        ],
      },
    ],
  },
  {
    id: 'destroy',
    title: 'Destroy the server',
    needs: 'any',
    billed: true,
    steps: [
      {
        id: 'destroy',
        title: 'Destroy it, whatever was changed on it',
        action: 'destroy',
        verify: [
          { check: 'state-was-destroying', expects: 'on its way the state was "destroying"' },
          { check: 'state-is-no-server', expects: 'the state is "no_server"' },
          { check: 'within-3-minutes', expects: 'it took at most 3 minutes' },
          { check: 'nothing-is-billed', expects: 'it says that nothing is billed' },
          { check: 'sky-has-no-server', expects: '"sky status" has no such cluster' },
          { check: 'launch-is-possible-again', expects: 'a launch could be planned again' },
        ],
      },
    ],
  },
];
