/** Commands of learners: join a workshop, leave it, and the link that leads back to one's seat. */
import type * as vscode from 'vscode';
import { inspectServer } from '../../client/server-certificate.ts';
import { toldToLearner } from '../../client/unreachable.ts';
import { errorFromInfo, infoFromError, NotFoundError, CarapaceError } from '../../protocol/errors.ts';
import { formatJoinLink, parseJoinLink, type JoinLink } from '../../protocol/join-link.ts';
import { showCode } from '../../protocol/names.ts';
import { joinedId } from '../learner/joined-seat.ts';
import type { JoinPlace } from '../learner/place.ts';
import { joinWorkshop, type JoiningParts, type JoinWish } from '../learner/joining.ts';
import type { KnownServers } from '../learner/known-servers.ts';
import type { LearnerSession } from '../learner/learner-session.ts';
import { withNextStep } from '../model/problem.ts';
import { parseJoinArgument, parseTarget } from './arguments.ts';
import { askForLink, askForName, confirmServer } from './join-dialog.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { CommandHandlers } from './register.ts';

export interface JoinCommandParts extends JoiningParts {
  readonly vs: typeof vscode;
  readonly known: KnownServers;
  /** Where a link leads; without a server, to the control plane of this editor, started where none runs. */
  readonly place: (server: string | undefined, signal: AbortSignal) => Promise<JoinPlace>;
  readonly proposeName: () => Promise<string>;
  /** Shows the seat in the tree and opens its terminal. @returns the terminal's name; undefined while its server is out of reach */
  readonly enter: (session: LearnerSession) => string | undefined;
  /** Closes the terminals of a seat that was left. */
  readonly exit: (session: LearnerSession) => void;
}

type JoinCommandId = 'carapace.join' | 'carapace.leaveWorkshop' | 'carapace.copyPersonalLink';

export function joinCommands(parts: JoinCommandParts): Pick<CommandHandlers, JoinCommandId> {
  const typed = { link: '' };
  return {
    'carapace.join': (argument) => join(parts, typed, argument),
    'carapace.leaveWorkshop': (argument) => leave(parts, argument),
    'carapace.copyPersonalLink': async (argument) => {
      const session = await chooseSession(parts, argument);
      return session === undefined ? CANCELLED : ok(await copyPersonalLink(parts, session));
    },
  };
}

/** @param typed the link of the last attempt, which stands there at the next one */
async function join(parts: JoinCommandParts, typed: { link: string }, argument: unknown): Promise<Outcome> {
  const { vs, store } = parts;
  const given = parseJoinArgument(argument);
  const text = given.link ?? linkAgain(parts, given.workshop) ?? (await askForLink(vs, typed.link));
  if (text === undefined || text.trim() === '') return CANCELLED;
  typed.link = text;
  const link = parseJoinLink(text);
  const found = await retried(() => lookAtServer(parts, link));
  if (given.confirmed !== true && !(await agrees(parts, link, found, given.ask === true))) {
    tellNothingSent(vs, found);
    return CANCELLED;
  }
  if (found.server !== null) await parts.known.agree(found.url, found.certificate);
  const kept = await store.get(joinedId({ server: found.server, code: link.code }));
  const name = given.name ?? kept?.name ?? (await askForName(vs, await parts.proposeName()));
  if (name === undefined) return CANCELLED;
  const wish: JoinWish = { ...found, code: link.code, rejoinCode: link.rejoinCode, name };
  const joining = (signal: AbortSignal): Promise<LearnerSession> =>
    toldToLearner(found.url, vs.l10n.t, () => joinWorkshop(parts, wish, signal));
  const session = await retried(() => withProgress(vs, joining));
  // What comes next is the same workshop, or another link.
  typed.link = '';
  return ok({ workshop: session.workshopId, seat: session.seat, terminal: parts.enter(session) ?? null });
}

/** The link of a workshop that was joined already. */
function linkAgain({ learners }: JoinCommandParts, workshop: string | undefined): string | undefined {
  const record = workshop === undefined ? undefined : learners.of(workshop)?.record;
  if (record === undefined) return undefined;
  return record.server === null ? showCode(record.code) : formatJoinLink(record.server, record.code);
}

interface FoundServer extends JoinPlace {
  /** The one to pin; undefined where the system trusts the server. */
  readonly certificate: string | undefined;
}

/** Finds the server of a link, and what it shows of itself; nothing is told to it yet. */
async function lookAtServer({ vs, place }: JoinCommandParts, link: JoinLink): Promise<FoundServer> {
  const title = vs.l10n.t('Looking for the server…');
  return vs.window.withProgress({ location: vs.ProgressLocation.Window, title }, async () => {
    const signal = AbortSignal.timeout(PLACE_DEADLINE_MS);
    const found = await place(link.server, signal);
    return { ...found, certificate: (await inspectServer(found.url, vs.l10n.t, signal)).certificate };
  });
}

/** Asks about a server that is not known or shows another certificate, and about what a browser has opened. */
async function agrees(
  { vs, known }: JoinCommandParts,
  link: JoinLink,
  { server, url, certificate }: FoundServer,
  isOpened: boolean,
): Promise<boolean> {
  const agreed = server === null ? '' : known.get(url);
  const isKnown = agreed !== undefined && agreed === (certificate ?? '');
  return (isKnown && !isOpened) || confirmServer(vs, { url, code: link.code, isOpened, certificate, agreed });
}

/** Whoever has said no to a server that may be somebody else's wants to know that it has learned nothing. */
function tellNothingSent({ l10n, window }: Pick<typeof vscode, 'l10n' | 'window'>, { url }: JoinPlace): void {
  const { host } = new URL(url);
  void window.showInformationMessage(l10n.t('Nothing was sent to {0}, and nothing was joined.', host));
}

/** Joining waits for the network. */
async function withProgress<T>(vs: typeof vscode, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const title = vs.l10n.t('Joining the workshop');
  const options = { location: vs.ProgressLocation.Notification, title, cancellable: true };
  return vs.window.withProgress(options, async (_progress, token) => {
    const asked = new AbortController();
    const listening = token.onCancellationRequested(() => asked.abort());
    try {
      return await work(asked.signal);
    } finally {
      listening.dispose();
    }
  });
}

/** What fails here is mended by another try, not by the teacher's commands. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CarapaceError)) throw error;
    const info = infoFromError(error, error.requestId);
    throw errorFromInfo({ ...info, details: { ...info.details, ...withNextStep('retry') } });
  }
}

async function leave(parts: JoinCommandParts, argument: unknown): Promise<Outcome> {
  const { vs, learners } = parts;
  const t = vs.l10n.t;
  const session = await chooseSession(parts, argument);
  if (session === undefined) return CANCELLED;
  if (parseTarget(argument).confirmed !== true) {
    const answer = await askToLeave(parts, session);
    if (answer === undefined) return CANCELLED;
    if (answer === t('Copy Link and Leave')) await copyPersonalLink(parts, session);
  }
  await learners.leave(session);
  parts.exit(session);
  return ok(session.workshopId);
}

function askToLeave({ vs }: JoinCommandParts, { status, workshopName }: LearnerSession): Thenable<string | undefined> {
  const t = vs.l10n.t;
  const question = t('Leave "{0}"?', workshopName);
  if (status.kind === 'freed' || status.kind === 'gone') {
    const detail = t('This editor forgets the workshop. The seat is not yours any more.');
    return vs.window.showWarningMessage(question, { modal: true, detail }, t('Leave'));
  }
  const detail = t(
    'This editor forgets the workshop. Your seat and your files stay yours: your personal link leads back to them.',
  );
  return vs.window.showWarningMessage(question, { modal: true, detail }, t('Copy Link and Leave'), t('Leave'));
}

async function copyPersonalLink(parts: JoinCommandParts, { record, workshopName }: LearnerSession): Promise<string> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const url = record.server ?? (await parts.place(undefined, AbortSignal.timeout(PLACE_DEADLINE_MS))).url;
  const link = formatJoinLink(url, record.code, record.rejoin_code);
  await vs.env.clipboard.writeText(link);
  void vs.window.showInformationMessage(
    t(
      'Your personal link to "{0}" is in the clipboard. It is like a password: whoever has it has your seat.',
      workshopName,
    ),
  );
  return link;
}

/** How long the control plane of this machine may take to be found, in milliseconds. */
const PLACE_DEADLINE_MS = 30_000;

/** The workshop that is named, or the one that a person chooses. @throws NotFoundError where there is none */
async function chooseSession(
  { vs, learners }: JoinCommandParts,
  argument: unknown,
): Promise<LearnerSession | undefined> {
  const t = vs.l10n.t;
  const { workshop } = parseTarget(argument);
  const sessions = learners.all.filter(({ workshopId }) => workshop === undefined || workshop === workshopId);
  const [only, ...others] = sessions;
  if (only === undefined) throw new NotFoundError(t('You have joined no such workshop.'), withNextStep('join'));
  if (others.length === 0) return only;
  const items = sessions.map((session) => ({
    label: session.workshopName,
    description: t('seat {0}', session.seat),
    session,
  }));
  return (await vs.window.showQuickPick(items, { placeHolder: t('Which workshop?') }))?.session;
}
