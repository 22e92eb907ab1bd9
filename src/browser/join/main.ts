/** The page behind a join link. The code is in the link's fragment, which no browser sends to any server. */
import '../older-browsers.ts';
import { LearnerCalls } from '../../client/learner-calls.ts';
import { SlowDownError } from '../../protocol/errors.ts';
import {
  EXTENSION_ID,
  editorLinkParts,
  formatJoinLink,
  parseJoinLink,
  type JoinLink,
} from '../../protocol/join-link.ts';
import { showCode } from '../../protocol/names.ts';
import { byId } from '../dom.ts';
import { FetchTransport } from '../fetch-transport.ts';
import { JOIN_SENTENCES } from '../join-sentences.ts';
import { joinSeat } from '../join-seat.ts';
import { KeptSeats } from '../kept-seats.ts';
import { t } from '../language.ts';
import { retryAfterSeconds, sentenceOf } from '../sentence.ts';
import { serverBase } from '../server-base.ts';
import { constantToken } from '../tokens.ts';
import { translateDocument } from '../translate-document.ts';

const base = serverBase(location);
const seats = new KeptSeats(() => localStorage);
const parts = {
  seats,
  server: new LearnerCalls(new FetchTransport(base)),
  as: (token: string) => new LearnerCalls(new FetchTransport(base, constantToken(token))),
};

const form = byId('join-form', HTMLFormElement);
const open = byId('browser', HTMLButtonElement);
const name = byId('name', HTMLInputElement);
const join = byId('join', HTMLButtonElement);
const progress = byId('progress', HTMLParagraphElement);
const problem = byId('error', HTMLParagraphElement);
const other = byId('other', HTMLButtonElement);

let isSomebodyElse = false;

function linkOfPage(): JoinLink | undefined {
  try {
    return parseJoinLink(`${base}/join${location.hash}`);
  } catch {
    return undefined;
  }
}

function show(): void {
  const link = linkOfPage();
  byId('with-code', HTMLDivElement).hidden = link === undefined;
  byId('without-code', HTMLParagraphElement).hidden = link !== undefined;
  problem.textContent = '';
  if (link === undefined) return;
  const { code, rejoinCode } = link;
  byId('code', HTMLElement).textContent = showCode(code);
  byId('command', HTMLPreElement).textContent = `carapace join '${formatJoinLink(base, code, rejoinCode)}'`;
  const { query, fragment } = editorLinkParts(base, code, rejoinCode);
  byId('editor', HTMLAnchorElement).href = `vscode://${EXTENSION_ID}/join?${query}#${fragment}`;
  showEarlier(link);
}

/** That this browser has a seat there already: it keeps one of each workshop. */
function showEarlier({ code, rejoinCode }: JoinLink): void {
  const returning = byId('returning', HTMLParagraphElement);
  returning.hidden = true;
  other.hidden = true;
  isSomebodyElse = false;
  try {
    const kept = seats.byCode(code);
    if (kept === undefined) return;
    const isTheirs = rejoinCode === undefined || rejoinCode === kept.rejoin_code;
    const leads = t(
      'This browser has joined already, as {0} on seat {1}: "Join" leads back there.',
      kept.name,
      kept.seat,
    );
    const forgets = t(
      'This browser has joined already, as {0} on seat {1}. It forgets that seat when you join: only its personal link leads back there then.',
      kept.name,
      kept.seat,
    );
    returning.textContent = isTheirs ? leads : forgets;
    returning.hidden = false;
    if (!isTheirs) return;
    name.value = kept.name;
    other.hidden = rejoinCode !== undefined;
    other.onclick = () => {
      isSomebodyElse = true;
      other.hidden = true;
      returning.textContent = forgets;
      name.value = '';
      name.focus();
    };
  } catch {
    // Joining itself tells what is wrong.
  }
}

function openForm(): void {
  form.hidden = false;
  open.ariaExpanded = 'true';
  name.focus();
}

async function submit(): Promise<void> {
  const link = linkOfPage();
  if (link === undefined || join.disabled) return;
  problem.textContent = '';
  progress.textContent = t('Joining…');
  join.disabled = true;
  try {
    const kept = await joinSeat(parts, { ...link, name: name.value, isSomebodyElse });
    location.assign(`${base}/seat#${kept.workshop_id}`);
  } catch (error) {
    progress.textContent = '';
    problem.textContent = sentenceOf(error, JOIN_SENTENCES);
    holdBack(error instanceof SlowDownError ? retryAfterSeconds(error) : undefined);
  }
}

/** Until the server takes another try. */
function holdBack(seconds: number | undefined): void {
  if (seconds === undefined) {
    join.disabled = false;
    return;
  }
  progress.textContent = t('"Join" can be pressed again in {0} s.', seconds);
  setTimeout(() => {
    progress.textContent = t('You can try again now.');
    join.disabled = false;
  }, seconds * 1_000);
}

open.addEventListener('click', openForm);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void submit();
});
// A page that comes back from the browser's memory was left in the middle of joining.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});
addEventListener('hashchange', show);
translateDocument(navigator.languages);
show();
byId('loading', HTMLDivElement).hidden = true;
