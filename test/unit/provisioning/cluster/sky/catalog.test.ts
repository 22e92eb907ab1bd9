import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { csvCells, missingCatalogs, readOffers } from '../../../../../src/provisioning/cluster/sky/catalog.ts';
import { makeHome, UNHURRIED, type Home } from './fixtures.ts';

const HEADER =
  'InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,AvailabilityZone,GpuInfo';
const AWS = [
  HEADER,
  'm6i.xlarge,,,4.0,16.0,0.192,0.07,us-east-1,use1-az6,',
  'm6i.xlarge,,,4.0,16.0,0.192,0.05,us-east-1,use1-az1,',
  'm6i.xlarge,,,4.0,16.0,0.2,,eu-west-1,euw1-az1,',
  't3a.xlarge,,,4.0,16.0,0.15,0.04,us-east-1,use1-az6,',
  'm6i.large,,,2.0,8.0,0.096,0.035,us-east-1,use1-az6,',
  `g4dn.xlarge,T4,1.0,4.0,16.0,0.526,0.2,us-east-1,use1-az6,"{'Gpus': [{'Name': 'T4', 'Count': 1.0}]}"`,
  ',TPU,1.0,,,3.0,,us-east-1,use1-az6,',
  'm6i.2xlarge,,,8.0,32.0,,,us-east-1,use1-az6,',
  'broken',
].join('\n');

describe('the price lists', () => {
  let home: Home;

  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => home.dispose());

  function write(version: string, cloud: string, text: string): void {
    const folder = join(home.folder, '.sky', 'catalogs', version, cloud);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'vms.csv'), text);
  }

  async function types(clouds: string[], cpus: string, memory: string): Promise<string[]> {
    const offers = await readOffers({ clouds, cpus, memory }, home.environment, UNHURRIED);
    return offers.map((offer) => `${offer.cloud} ${offer.instance_type} ${offer.region}`);
  }

  it('offer one per type and region, what SkyPilot would choose first, then the cheapest first', async () => {
    write('v8', 'aws', AWS);
    write('v8', 'lambda', `${HEADER}\ncpu_4x_general,,,4.0,16.0,0.16,,us-east-1,,\n`);
    assert.deepEqual(await types(['AWS', 'lambda', 'aws'], '4+', '16+'), [
      'Lambda cpu_4x_general us-east-1',
      'AWS m6i.xlarge us-east-1',
      'AWS m6i.xlarge eu-west-1',
      'AWS t3a.xlarge us-east-1',
      'AWS g4dn.xlarge us-east-1',
    ]);
    const [first, second] = await readOffers({ clouds: ['aws'], cpus: '4', memory: '16' }, home.environment, UNHURRIED);
    assert.deepEqual(first, {
      cloud: 'AWS',
      region: 'us-east-1',
      instance_type: 'm6i.xlarge',
      cpus: 4,
      memory_gb: 16,
      price_per_hour: 0.192,
      spot_price_per_hour: 0.05,
    });
    assert.equal(second?.spot_price_per_hour, null);
  });

  it('are asked for exactly so many cores, or for at least so many', async () => {
    write('v8', 'aws', AWS);
    assert.deepEqual(await types(['aws'], '2', '1+'), ['AWS m6i.large us-east-1']);
    assert.equal((await types(['aws'], '1+', '1+')).length, 5);
    assert.deepEqual(await types(['aws'], '64+', '1+'), []);
  });

  it('of the newest version count, and missing or broken ones offer nothing', async () => {
    assert.deepEqual(await types(['aws'], '1+', '1+'), []);
    write('v7', 'aws', AWS);
    write('v10', 'gcp', 'no such columns\n1,2,3\n');
    assert.deepEqual(await types(['aws', 'gcp', 'azure'], '1+', '1+'), []);
    assert.deepEqual(await types([], '1+', '1+'), []);
    assert.deepEqual(await missingCatalogs(['AWS', 'GCP'], home.environment), ['aws']);
  });

  it('are read no further when nobody wants them any more', async () => {
    write('v8', 'aws', AWS);
    const reason = new Error('enough');
    const wish = { clouds: ['aws'], cpus: '1+', memory: '1+' };
    await assert.rejects(readOffers(wish, home.environment, AbortSignal.abort(reason)), reason);
  });

  it('may quote their cells', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', ' ', "'", '') });
    const quoted = (text: string): string => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1 }), (cells) => {
        assert.deepEqual(csvCells(cells.map(quoted).join(',')), cells);
      }),
    );
  });
});
