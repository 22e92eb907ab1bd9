/** The choices of a launch, made of what clouds offer. Pure. */
import { CLUSTER_DEFAULTS, type LaunchCluster, type Offer } from '../../protocol/cluster.ts';
import { formatPrice } from '../../client/format.ts';
import type { Translate } from '../../client/translate.ts';

/** What somebody has chosen so far; null leaves it to SkyPilot. */
export interface LaunchChoices {
  readonly cloud: string | null;
  readonly region: string | null;
  readonly instanceType: string | null;
  readonly useSpot: boolean;
}

/** One line of a pick list. */
export interface LaunchChoice<T> {
  readonly label: string;
  readonly description: string;
  readonly value: T;
}

/** What the settings have chosen already. */
export function choicesOf(wish: LaunchCluster): LaunchChoices {
  return {
    cloud: wish.cloud ?? null,
    region: wish.region ?? null,
    instanceType: wish.instance_type ?? null,
    useSpot: wish.use_spot ?? CLUSTER_DEFAULTS.use_spot,
  };
}

/** The launch that the choices come to; the rest is as in the settings. */
export function chosenWish(wish: LaunchCluster, choices: LaunchChoices): LaunchCluster {
  const { cloud, region, instanceType, useSpot } = choices;
  return { ...wish, cloud, region, instance_type: instanceType, use_spot: useSpot };
}

/** Offers of that cloud and region; null takes all. */
function within(offers: readonly Offer[], cloud: string | null, region: string | null): Offer[] {
  return offers.filter(
    (offer) =>
      (cloud === null || offer.cloud.toLowerCase() === cloud.toLowerCase()) &&
      (region === null || offer.region === region),
  );
}

/** The lowest price, in dollars per hour; undefined where none is known. */
function lowest(offers: readonly Offer[], spot: boolean): number | undefined {
  const prices = offers.flatMap((offer) => (spot ? offer.spot_price_per_hour : offer.price_per_hour) ?? []);
  return prices.length === 0 ? undefined : prices.reduce((one, other) => Math.min(one, other));
}

function fromPrice(offers: readonly Offer[], t: Translate): string {
  const price = lowest(offers, false);
  return price === undefined ? '' : t('from {0}', formatPrice(price, t));
}

/** The enabled clouds, "let SkyPilot choose" first. */
export function cloudChoices(
  clouds: readonly string[],
  offers: readonly Offer[],
  t: Translate,
): LaunchChoice<string | null>[] {
  const each = [...clouds]
    .sort()
    .map((cloud) => ({ label: cloud, description: fromPrice(within(offers, cloud, null), t), value: cloud }));
  const among = t('the cheapest of {0}', [...clouds].sort().join(', '));
  return [{ label: t('Let SkyPilot choose'), description: among, value: null }, ...each];
}

/** The regions of a cloud, the cheapest first; "let SkyPilot choose" before all. */
export function regionChoices(offers: readonly Offer[], cloud: string, t: Translate): LaunchChoice<string | null>[] {
  const inCloud = within(offers, cloud, null);
  const regions = [...new Set(inCloud.map(({ region }) => region))].map((region) => {
    const there = within(inCloud, null, region);
    return { region, price: lowest(there, false) ?? Infinity, description: fromPrice(there, t) };
  });
  regions.sort((one, other) => one.price - other.price || one.region.localeCompare(other.region));
  return [
    { label: t('Let SkyPilot choose'), description: fromPrice(inCloud, t), value: null },
    ...regions.map(({ region, description }) => ({ label: region, description, value: region })),
  ];
}

/** At most so many sizes are offered: nobody reads more. */
const MAX_SIZES = 50;

/** The sizes, the cheapest first; "the cheapest that has enough" before all. */
export function sizeChoices(
  offers: readonly Offer[],
  choices: LaunchChoices,
  wish: LaunchCluster,
  t: Translate,
): LaunchChoice<string | null>[] {
  const there = within(offers, choices.cloud, choices.region);
  const cheapest = new Map<string, Offer>();
  for (const offer of there) {
    const known = cheapest.get(offer.instance_type);
    if (known === undefined || priceOf(offer) < priceOf(known)) cheapest.set(offer.instance_type, offer);
  }
  const sizes = [...cheapest.values()].sort((one, other) => priceOf(one) - priceOf(other)).slice(0, MAX_SIZES);
  const enough = t(
    '{0} cores, {1} GB memory',
    wish.cpus ?? CLUSTER_DEFAULTS.cpus,
    wish.memory ?? CLUSTER_DEFAULTS.memory,
  );
  return [
    { label: t('The cheapest that fits'), description: joined(enough, fromPrice(there, t)), value: null },
    ...sizes.map((offer) => ({
      label: offer.instance_type,
      description: sizeText(offer, t),
      value: offer.instance_type,
    })),
  ];
}

function priceOf(offer: Offer): number {
  return offer.price_per_hour ?? Infinity;
}

function sizeText({ cpus, memory_gb: memory, price_per_hour: price }: Offer, t: Translate): string {
  return joined(t('{0} cores, {1} GB memory', cpus, memory), price === null ? '' : formatPrice(price, t));
}

function joined(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}

/** Kept until it is stopped, or Spot. */
export function spotChoices(offers: readonly Offer[], choices: LaunchChoices, t: Translate): LaunchChoice<boolean>[] {
  const there = within(offers, choices.cloud, choices.region).filter(
    ({ instance_type: type }) => choices.instanceType === null || type === choices.instanceType,
  );
  const price = (spot: boolean) => {
    const known = lowest(there, spot);
    return known === undefined ? '' : formatPrice(known, t);
  };
  return [
    { label: t('On demand'), description: joined(price(false), t('it is yours until you stop it')), value: false },
    { label: t('Spot'), description: joined(price(true), t('the cloud may take it away at any time')), value: true },
  ];
}
