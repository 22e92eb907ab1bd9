import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import { fingerprintGroups } from '../../../src/client/server-certificate.ts';
import {
  askForLink,
  askForName,
  confirmServer,
  type ServerQuestion,
} from '../../../src/providers/commands/join-dialog.ts';
import { certificate } from '../client/servers.ts';
import { fakeVscode } from './fake-vscode.ts';

type Vs = Parameters<typeof confirmServer>[0];

/** A window whose questions are kept, and answered with the button that is asked for. */
function windowThat(answer: (buttons: string[]) => string | undefined) {
  const asked: { text: string; detail: string; buttons: string[] }[] = [];
  const inputs: vscode.InputBoxOptions[] = [];
  const window: unknown = {
    showWarningMessage: (text: string, { detail }: { detail: string }, ...buttons: string[]) => {
      asked.push({ text, detail, buttons });
      return Promise.resolve(answer(buttons));
    },
    showInputBox: (options: vscode.InputBoxOptions) => {
      inputs.push(options);
      return Promise.resolve(answer([]));
    },
  };
  const vs: Vs = { l10n: fakeVscode.l10n, window: window as typeof vscode.window };
  return { vs, asked, inputs };
}

const question = (changes: Partial<ServerQuestion> = {}): ServerQuestion => ({
  url: 'https://class.example.org:8443',
  code: 'ABCD2345',
  isOpened: false,
  certificate: undefined,
  agreed: undefined,
  ...changes,
});

describe('the question about a server', () => {
  it('names its host, and is answered by a button', async () => {
    const yes = windowThat(([button]) => button);
    assert.equal(await confirmServer(yes.vs, question()), true);
    const [asked] = yes.asked;
    assert.equal(asked?.text, 'Join a workshop at class.example.org:8443?');
    assert.match(asked.detail, /have not joined anything at class\.example\.org:8443 before/);
    assert.deepEqual(asked.buttons, ['Join']);
    assert.equal(await confirmServer(windowThat(() => undefined).vs, question()), false);
  });

  it('shows the fingerprint of a certificate that is to be pinned', async () => {
    const { vs, asked } = windowThat(([button]) => button);
    await confirmServer(vs, question({ certificate: certificate('one') }));
    assert.ok(asked[0]?.detail.includes(fingerprintGroups(certificate('one'))));
  });

  it('warns of a certificate that is another one than before', async () => {
    const { vs, asked } = windowThat(([button]) => button);
    await confirmServer(vs, question({ certificate: certificate('two'), agreed: certificate('one') }));
    assert.match(asked[0]?.detail ?? '', /another certificate than when you joined there/);
    assert.ok(asked[0]?.detail.includes(fingerprintGroups(certificate('two'))));
    assert.deepEqual(asked[0]?.buttons, ['Trust and Join']);
  });

  it('says that a link from outside is what asks', async () => {
    const { vs, asked } = windowThat(([button]) => button);
    await confirmServer(vs, question({ isOpened: true, agreed: '' }));
    assert.equal(asked[0]?.detail, 'A link has opened this editor to join with the code ABCD-2345.');
  });
});

describe('the questions of joining', () => {
  it('take a link, a personal link or a code, and say what is wrong with the rest', async () => {
    const { vs, inputs } = windowThat(() => 'ABCD-2345');
    assert.equal(await askForLink(vs, 'before'), 'ABCD-2345');
    const [options] = inputs;
    assert.equal(options?.value, 'before');
    const judge = (text: string) => JSON.stringify(options.validateInput?.(text) ?? null);
    const good = [
      '',
      'abcd2345',
      'https://class.example.org/join#ABCD-2345',
      'http://127.0.0.1:1/join#ABCD-2345.secret',
    ];
    for (const text of good) assert.equal(judge(text), 'null', text);
    for (const text of ['abcd', 'https://class.example.org', 'https://class.example.org/join#0000-0000'])
      assert.match(judge(text), /is no join link/, text);
  });

  it('take a name that a teacher can read', async () => {
    const { vs, inputs } = windowThat(() => ' Alice ');
    assert.equal(await askForName(vs, 'alice'), 'Alice');
    const judge = (text: string) => JSON.stringify(inputs[0]?.validateInput?.(text) ?? null);
    assert.equal(judge('Alice Ämter'), 'null');
    for (const name of ['', '  ', 'x'.repeat(65), 'two\nlines']) assert.match(judge(name), /1 to 64/);
  });
});
