/** What deleting and resetting lose, and what keeping costs: named before it is done. Pure. */
import type { Seat, Workshop } from '../../protocol/workshop.ts';
import { formatPrice } from '../../client/format.ts';
import type { Translate } from '../../client/translate.ts';

export function deletionLosses(workshop: Workshop, seats: readonly Seat[], t: Translate): string {
  const learners = seats.flatMap(({ learner }) => (learner === null ? [] : [learner]));
  const sentences = [
    workshop.seats === 1
      ? t('Its seat, all files in it and its join code are lost.')
      : t('Its {0} seats, all files in them and its join code are lost.', workshop.seats),
  ];
  if (learners.length > 0) sentences.push(t('In it: {0}.', learners.join(', ')));
  const price = workshop.price_per_hour ?? 0;
  sentences.push(price > 0 ? t('Keeping it costs {0}.', formatPrice(price, t)) : t('Keeping it costs nothing.'));
  return sentences.join(' ');
}

export function freeLosses(seat: Seat, t: Translate): string {
  const whose = seat.learner ?? t('its learner');
  return t('{0} loses the seat, all files in it and all that runs in it. Somebody else can take it afterwards.', whose);
}

export function resetLosses(seat: Seat, t: Translate): string {
  const whose = seat.learner === null ? '' : t(' of {0}', seat.learner);
  return t('All files{0} in it and all that runs in it are lost; the seat comes back as new.', whose);
}
