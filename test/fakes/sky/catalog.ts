/** The machines that the fake cloud rents out, as the catalog files tell them that SkyPilot keeps. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface InstanceType {
  readonly name: string;
  readonly cpus: number;
  readonly memory: number;
  readonly price: number;
  readonly spotPrice: number;
}

export const REGIONS = ['us-east-1', 'eu-central-1'] as const;

export const INSTANCE_TYPES: readonly InstanceType[] = [
  { name: 'm6i.large', cpus: 2, memory: 8, price: 0.096, spotPrice: 0.035 },
  { name: 'm6i.xlarge', cpus: 4, memory: 16, price: 0.192, spotPrice: 0.07 },
  { name: 'm6i.2xlarge', cpus: 8, memory: 32, price: 0.384, spotPrice: 0.14 },
  { name: 'r6i.xlarge', cpus: 4, memory: 32, price: 0.252, spotPrice: 0.09 },
];

const HEADER =
  'InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,AvailabilityZone,GpuInfo,Arch,LocalDiskType,NVMeSupported,LocalDiskSize,LocalDiskCount';

/** The cheapest that has so much; `4+` is at least 4, `4` exactly 4. */
export function chooseInstanceType(wish: {
  readonly instanceType: string | undefined;
  readonly cpus: string | undefined;
  readonly memory: string | undefined;
}): InstanceType | undefined {
  const fits = (amount: number, wanted: string | undefined): boolean =>
    wanted === undefined || (wanted.endsWith('+') ? amount >= parseFloat(wanted) : amount === parseFloat(wanted));
  return INSTANCE_TYPES.filter(({ name }) => wish.instanceType === undefined || name === wish.instanceType)
    .filter(({ cpus, memory }) => fits(cpus, wish.cpus) && fits(memory, wish.memory))
    .sort((one, other) => one.price - other.price)[0];
}

/** Writes the catalogs where SkyPilot has them under a home folder. */
export function writeCatalogs(home: string): void {
  const folder = join(home, '.sky/catalogs/v8/aws');
  mkdirSync(folder, { recursive: true });
  const lines = REGIONS.flatMap((region) =>
    INSTANCE_TYPES.map(({ name, cpus, memory, price, spotPrice }) =>
      [
        name,
        '',
        '',
        `${cpus}.0`,
        `${memory}.0`,
        price,
        spotPrice,
        region,
        `${region}a`,
        '',
        'x86_64',
        '',
        '',
        '',
        '',
      ].join(','),
    ),
  );
  writeFileSync(join(folder, 'vms.csv'), `${[HEADER, ...lines].join('\n')}\n`);
}
