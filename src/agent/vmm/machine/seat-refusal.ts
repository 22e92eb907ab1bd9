import { UnavailableError } from '../../../protocol/errors.ts';

/** The root program of a seat could not do what it was asked; the message has its own words. */
export class SeatRefusal extends UnavailableError {}
