/** Random configurations of a server: everything that the schema lets through. */
import fc from 'fast-check';
import type { LaunchCluster } from '../../../../src/protocol/cluster.ts';

const amount = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.boolean())
  .map(([count, least]) => `${count}${least ? '+' : ''}`);
/** Any absolute path, with all that YAML and shells give a meaning to; no NUL. */
const path = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => `/${text.replaceAll('\u0000', '')}`),
  fc.constantFrom(
    '/',
    '/home/a b',
    '/x: y',
    '/# no',
    '/"quoted"',
    '/~',
    '/{a}',
    '/line\nbreak',
    '/$HOME',
    '/yes',
    '/*',
  ),
);
const name = fc.stringMatching(/^[a-z][a-z0-9-]{1,40}[a-z0-9]$/);
const autostop = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 10_080 }));

/** Clouds and regions are real ones where SkyPilot's own parser is to take them. */
export function wishes(path_: fc.Arbitrary<string>): fc.Arbitrary<LaunchCluster> {
  const place = fc.constantFrom(
    {},
    { cloud: null, region: null },
    { cloud: 'aws' },
    { cloud: 'aws', region: 'us-east-1' },
    { cloud: 'AWS', region: 'us-east-1', instance_type: 'm6i.large' },
    { instance_type: null },
  );
  const rest = fc.record(
    {
      name,
      cpus: amount,
      memory: amount,
      disk_size: fc.integer({ min: 10, max: 16_384 }),
      use_spot: fc.boolean(),
      autostop_minutes: autostop,
      vaults: fc.record({ public: path_, private: path_ }, { requiredKeys: [] }),
      sky_path: path_,
    },
    { requiredKeys: [] },
  );
  return fc.tuple(place, rest).map(([where, what]) => ({ ...where, ...what }));
}

export const anyWish: fc.Arbitrary<LaunchCluster> = wishes(path);
