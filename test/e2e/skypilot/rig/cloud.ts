/**
 * The rig's cloud: moto as AWS behind a door that can refuse (door.ts), and a machine for every EC2 instance (machines.ts).
 * Started by inside.sh; `ready` in the rig's folder says that it answers.
 */
import { spawn } from 'node:child_process';
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDoor } from './door.ts';
import { aws, ec2, element } from './aws.ts';
import { FAULT_FILE } from './faults.ts';
import { runMachines } from './machines.ts';

const MOTO_PORT = 5556;
const DOOR_PORT = 5555;

const folder = process.env['CARAPACE_RIG'] ?? '';
const node = process.env['CARAPACE_RIG_NODE'] ?? '';

/** SkyPilot takes only subnets that a route leads out of. */
async function routeToInternet(): Promise<void> {
  const network = element(await ec2('DescribeVpcs'), 'vpcId') ?? '';
  const gateway = element(await ec2('CreateInternetGateway'), 'internetGatewayId') ?? '';
  await ec2('AttachInternetGateway', { InternetGatewayId: gateway, VpcId: network });
  const table = element(
    await ec2('DescribeRouteTables', {
      'Filter.1.Name': 'vpc-id',
      'Filter.1.Value.1': network,
      'Filter.2.Name': 'association.main',
      'Filter.2.Value.1': 'true',
    }),
    'routeTableId',
  );
  await ec2('CreateRoute', { RouteTableId: table ?? '', DestinationCidrBlock: '0.0.0.0/0', GatewayId: gateway });
}

/** The role of SkyPilot's machines, as in every account it worked in before; moto refuses how SkyPilot would make it. */
async function roleOfMachines(): Promise<void> {
  const name = 'skypilot-v1';
  await aws('iam', 'CreateInstanceProfile', { InstanceProfileName: name });
  await aws('iam', 'CreateRole', { RoleName: name, AssumeRolePolicyDocument: '{}' });
  await aws('iam', 'AddRoleToInstanceProfile', { InstanceProfileName: name, RoleName: name });
}

async function motoAnswers(): Promise<void> {
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${MOTO_PORT}/moto-api/`);
      return;
    } catch {
      await sleep(100);
    }
  }
}

const log = openSync(join(folder, 'moto.log'), 'a');
const moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(MOTO_PORT)], { stdio: ['ignore', log, log] });
moto.once('exit', (code) => {
  console.error(`moto_server ended with ${String(code)}; its output is in moto.log.`);
  process.exit(1);
});
await motoAnswers();
await openDoor(DOOR_PORT, MOTO_PORT, join(folder, FAULT_FILE));
await routeToInternet();
await roleOfMachines();
writeFileSync(join(folder, 'ready'), '');
await runMachines({ node, machines: join(folder, 'machines') });
