/** The page of one seat: `/seat#WORKSHOP`. What leads into it is in the browser's own store. */
import '../older-browsers.ts';
import { byId } from '../dom.ts';
import { KeptSeats } from '../kept-seats.ts';
import { t } from '../language.ts';
import { sentenceOf } from '../sentence.ts';
import { serverBase } from '../server-base.ts';
import { translateDocument } from '../translate-document.ts';
import { Notice } from './notice.ts';
import { SeatPage } from './seat-page.ts';

const base = serverBase(location);
const seats = new KeptSeats(() => localStorage);
const notice = new Notice(byId('notice', HTMLDivElement));

function start(): void {
  const workshopId = location.hash.slice(1);
  try {
    const kept = seats.get(workshopId);
    if (kept !== undefined) new SeatPage({ base, seats, kept, notice }).start();
    else {
      notice.show(t('This browser has no seat here. Open the link that your teacher gave you, or your personal link.'));
    }
  } catch (error) {
    notice.show(sentenceOf(error));
  }
}

// Another seat is another page.
addEventListener('hashchange', () => location.reload());
translateDocument(navigator.languages);
start();
byId('loading', HTMLDivElement).hidden = true;
