/** What a person is asked before they join a workshop: the link, whether they trust the server, and their name. */
import type * as vscode from 'vscode';
import { fingerprintGroups } from '../../client/server-certificate.ts';
import { CarapaceError } from '../../protocol/errors.ts';
import { parseJoinLink } from '../../protocol/join-link.ts';
import { nameSchema, showCode } from '../../protocol/names.ts';

type Vs = Pick<typeof vscode, 'l10n' | 'window'>;

/** @param value what stands there at first @returns undefined where the person gave up */
export async function askForLink({ l10n, window }: Vs, value: string): Promise<string | undefined> {
  const t = l10n.t;
  const refuse = (text: string): string | undefined => {
    try {
      parseJoinLink(text);
      return undefined;
    } catch (error) {
      if (!(error instanceof CarapaceError)) throw error;
      return t('That is no join link such as https://SERVER/join#ABCD-2345, and no code.');
    }
  };
  return window.showInputBox({
    title: t('Join a Workshop'),
    prompt: t('The link that your teacher gave you, your personal link, or a code of this machine'),
    placeHolder: 'https://SERVER/join#ABCD-2345',
    value,
    ignoreFocusOut: true,
    // Whoever has typed nothing yet has made no mistake.
    validateInput: (text) => (text.trim() === '' ? undefined : refuse(text)),
  });
}

/** @param value the proposal @returns undefined where the person gave up */
export async function askForName({ l10n, window }: Vs, value: string): Promise<string | undefined> {
  const t = l10n.t;
  const name = await window.showInputBox({
    title: t('Join a Workshop'),
    prompt: t('What does your teacher see you as?'),
    value,
    ignoreFocusOut: true,
    validateInput: (text) =>
      nameSchema.safeParse(text).success ? undefined : t('A name has 1 to 64 characters, on one line.'),
  });
  return name?.trim();
}

/** What is asked about a server. `certificate` is the one that will be pinned, `agreed` what was agreed to earlier. */
export interface ServerQuestion {
  readonly url: string;
  readonly code: string;
  /** Whether a browser has opened the link, and not a person in this editor. */
  readonly isOpened: boolean;
  readonly certificate: string | undefined;
  readonly agreed: string | undefined;
}

/** Asks whether to join there. */
export async function confirmServer({ l10n, window }: Vs, question: ServerQuestion): Promise<boolean> {
  const { url, code, isOpened, certificate, agreed } = question;
  const t = l10n.t;
  const { host } = new URL(url);
  const hasChanged = agreed !== undefined && agreed !== (certificate ?? '');
  const sentences: string[] = [];
  if (isOpened) sentences.push(t('A link has opened this editor to join with the code {0}.', showCode(code)));
  if (hasChanged) {
    sentences.push(
      t(
        '{0} shows another certificate than when you joined there. Go on only if your teacher says that it was changed.',
        host,
      ),
    );
  } else if (agreed === undefined) {
    sentences.push(t('You have not joined anything at {0} before. Your name and what you type go there.', host));
  }
  if (certificate !== undefined && agreed !== certificate) {
    sentences.push(
      t(
        'No authority vouches for this server. Ask your teacher for the SHA-256 fingerprint of its certificate, and go on only if it is this one:',
      ),
      fingerprintGroups(certificate),
    );
  }
  const yes = hasChanged ? t('Trust and Join') : t('Join');
  const detail = sentences.join('\n\n');
  const text = t('Join a workshop at {0}?', host);
  return (await window.showWarningMessage(text, { modal: true, detail }, yes)) === yes;
}
