import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import * as z from 'zod';
import { CLUSTER_DEFAULTS, launchClusterSchema } from '../../../src/protocol/cluster.ts';
import { PROVIDERS, RUNTIMES } from '../../../src/protocol/workshop.ts';
import { COMMAND_IDS } from '../../../src/providers/commands/command-ids.ts';
import { CONTEXT_DEFAULTS } from '../../../src/providers/commands/context-keys.ts';
import { CLUSTER_SETTINGS, launchSettings } from '../../../src/providers/model/cluster-settings.ts';
import { SERVER_FLAGS } from '../../../src/providers/model/cluster-row.ts';
import { JOINED_FLAGS } from '../../../src/providers/model/learner-row.ts';
import { SEAT_FILE_FLAGS } from '../../../src/providers/model/seat-file-row.ts';
import { SEAT_FLAGS } from '../../../src/providers/model/seat-row.ts';
import { SEAT_SCHEME } from '../../../src/providers/model/seat-uri.ts';
import { DETAIL_FLAGS } from '../../../src/providers/model/server-details.ts';
import { VAULT_FLAGS } from '../../../src/providers/model/vault-row.ts';
import { WORKSHOP_FLAGS } from '../../../src/providers/model/workshop-row.ts';

interface MenuItem {
  readonly command: string;
  readonly when?: string;
  readonly group?: string;
}

interface Setting {
  readonly enum?: string[];
  readonly scope: string;
  readonly default: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Manifest {
  readonly main: string;
  readonly icon: string;
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly {
      command: string;
      title: string;
      category: string;
      icon: string;
      enablement?: string;
    }[];
    readonly menus: Readonly<Record<string, readonly MenuItem[]>>;
    readonly views: Readonly<Record<string, readonly { id: string; icon: string }[]>>;
    readonly viewsWelcome: readonly { view: string; contents: string; when?: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, Setting>> };
    readonly walkthroughs: readonly {
      icon: string;
      steps: readonly { media: { markdown: string }; completionEvents: readonly string[] }[];
    }[];
    readonly resourceLabelFormatters: readonly { scheme: string }[];
  };
}

const text = readFileSync('package.json', 'utf8');
const manifest = JSON.parse(text) as Manifest;
const strings = JSON.parse(readFileSync('package.nls.json', 'utf8')) as Record<string, string>;
const { contributes } = manifest;
const menuItems = Object.values(contributes.menus).flat();
const tables = [WORKSHOP_FLAGS, SEAT_FLAGS, SEAT_FILE_FLAGS, SERVER_FLAGS, DETAIL_FLAGS];
const rowFlags = [
  ...tables.flatMap((table) => Object.values<readonly string[]>(table)).flat(),
  ...VAULT_FLAGS,
  ...JOINED_FLAGS,
  'freeable',
];
const sources = globSync('src/{extension.ts,providers/**/*.ts}').map((path) => readFileSync(path, 'utf8'));

describe('the manifest', () => {
  it('has exactly the commands of the code', () => {
    assert.deepEqual(contributes.commands.map(({ command }) => command).sort(), [...COMMAND_IDS].sort());
  });

  it('has all commands in the palette under "Carapace:", with an icon', () => {
    assert.deepEqual([...new Set(contributes.commands.map(({ category }) => category))], ['Carapace']);
    const hidden = new Set(contributes.menus['commandPalette']?.map(({ when }) => when));
    assert.deepEqual([...hidden], ['!carapace.hasJoined || carapace.hasWorkshops'], 'but for those who only learn');
    for (const { command, icon } of contributes.commands) assert.match(icon, /^\$\([a-z-]+\)$/, command);
  });

  it('names only commands that exist', () => {
    const known = new Set<string>(COMMAND_IDS);
    for (const { command } of menuItems) assert.ok(known.has(command), command);
    for (const [, command = ''] of Object.values(strings)
      .join('\n')
      .matchAll(/\(command:(carapace\.[\w.]+)/g)) {
      assert.ok(known.has(command), command);
    }
  });

  it('has a string for each key, and a key for each string', () => {
    const used = [...text.matchAll(/"%([^%"]+)%"/g)].map(([, key = '']) => key);
    assert.deepEqual([...new Set(used)].sort(), Object.keys(strings).sort());
  });

  it('reads only context keys that the code sets, and only values that they have', () => {
    const clauses = [
      ...[...menuItems, ...contributes.viewsWelcome].flatMap(({ when }) => when ?? []),
      ...contributes.commands.flatMap(({ enablement }) => enablement ?? []),
    ];
    const keys = clauses.flatMap((clause) => clause.match(/\bcarapace\.\w+(?= (==|=~))/g) ?? []);
    assert.ok(keys.length > 0);
    for (const key of keys) assert.ok(key in CONTEXT_DEFAULTS, key);
  });

  it('looks only for flags that rows have', () => {
    const flags = new Set(rowFlags).add('cancellable').add('vaultFile');
    for (const { command, when = '' } of contributes.menus['view/item/context'] ?? []) {
      const flag = /viewItem =~ \/\\b(\w+)\\b\//.exec(when)?.[1];
      assert.ok(flag !== undefined && flags.has(flag), `${command}: ${when}`);
    }
  });

  it('offers a row action for each flag', () => {
    const looked = (contributes.menus['view/item/context'] ?? []).map(({ when = '' }) => when).join();
    for (const flag of rowFlags) assert.ok(looked.includes(`\\b${flag}\\b`), flag);
  });

  it('has views that the code fills, each with a welcome', () => {
    const views = (contributes.views['carapace'] ?? []).map(({ id }) => id);
    assert.deepEqual(views, ['carapace.server', 'carapace.workshops', 'carapace.activity']);
    for (const view of views) {
      assert.ok(
        sources.some((source) => source.includes(`'${view}'`)),
        view,
      );
      assert.ok(
        contributes.viewsWelcome.some((welcome) => welcome.view === view),
        view,
      );
    }
  });

  it('offers only what the protocol knows, and lets no workspace and no remote machine choose it', () => {
    const { properties } = contributes.configuration;
    const within = (name: string, known: readonly string[]) =>
      properties[name]?.enum?.every((value) => known.includes(value));
    assert.ok(within('carapace.workshop.provider', PROVIDERS));
    assert.ok(within('carapace.workshop.runtime', RUNTIMES));
    for (const [name, { scope }] of Object.entries(properties)) assert.equal(scope, 'application', name);
  });

  it('declares no setting that nobody reads', () => {
    for (const name of Object.keys(contributes.configuration.properties)) {
      const key = name.replace(/^carapace\./, '');
      assert.ok(
        sources.some((source) => source.includes(`'${key}'`) || source.includes(` ${key}: '`)),
        name,
      );
    }
  });

  it('has a launch only where there is no server, an error, or nothing is known', () => {
    const { enablement = '' } = contributes.commands.find(({ command }) => command === 'carapace.launchServer') ?? {};
    const allowed = /=~ \/(.*)\/$/.exec(enablement)?.[1] ?? '';
    const statuses = Object.keys(SERVER_FLAGS).filter((status) => new RegExp(allowed).test(status));
    assert.deepEqual(statuses, ['unknown', 'no_server', 'error']);
  });

  it('checks the settings of the server as the protocol does', () => {
    const { properties = {} } = z.toJSONSchema(launchClusterSchema, { io: 'input' });
    for (const [name, field] of Object.entries(CLUSTER_SETTINGS)) {
      const setting = contributes.configuration.properties[`carapace.${name}`];
      const schema = plain(properties[field]);
      assert.ok(setting !== undefined, name);
      const empty = setting.default === '' ? '^$|' : '';
      assert.equal(
        setting.pattern,
        typeof schema['pattern'] === 'string' ? `${empty}${schema['pattern']}` : undefined,
        name,
      );
      assert.equal(setting.minimum, schema['minimum'], name);
      assert.equal(setting.maximum, schema['maximum'], name);
    }
  });

  it('has defaults that are those of the protocol', () => {
    const read = (name: string) => contributes.configuration.properties[`carapace.${name}`]?.default;
    assert.deepEqual(
      launchSettings(read, (text) => text),
      CLUSTER_DEFAULTS,
    );
  });

  it('has a walkthrough with a page for each step, which is done by what the extension has', () => {
    const [{ steps } = { steps: [] }] = contributes.walkthroughs;
    assert.equal(steps.length, 4);
    const known = new Set<string>(COMMAND_IDS);
    for (const { media, completionEvents } of steps) {
      assert.ok(existsSync(media.markdown), media.markdown);
      for (const event of completionEvents) {
        const [kind, rest = ''] = event.split(':');
        if (kind === 'onCommand') assert.ok(known.has(rest), event);
        else assert.ok((rest.split(' ')[0] ?? '') in CONTEXT_DEFAULTS, event);
      }
    }
  });

  it('is activated by what shows it, and by a window that has terminals to open again, and by nothing else', () => {
    assert.deepEqual(manifest.activationEvents, [`onFileSystem:${SEAT_SCHEME}`, 'onStartupFinished', 'onUri']);
    assert.deepEqual(
      contributes.resourceLabelFormatters.map(({ scheme }) => scheme),
      [SEAT_SCHEME],
    );
  });

  it('names pictures that are there', () => {
    const icons = (contributes.views['carapace'] ?? []).map(({ icon }) => icon);
    for (const path of [manifest.icon, ...icons]) assert.ok(existsSync(path), path);
  });
});

/** A schema without the alternative of null. */
function plain(schema: z.core.JSONSchema._JSONSchema | undefined): Record<string, unknown> {
  if (typeof schema !== 'object') return {};
  const [first] = schema.anyOf ?? [];
  return typeof first === 'object' ? { ...first } : { ...schema };
}
