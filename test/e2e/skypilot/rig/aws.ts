/** Asks the rig's AWS, as its command line would, only a hundred times faster. */

/** Where the rig's AWS answers; ~/.aws/config of the rig says the same. */
export const AWS = 'http://127.0.0.1:5555';

const VERSIONS = { ec2: '2016-11-15', iam: '2010-05-08' };

export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export interface Instance {
  readonly id: string;
  readonly state: InstanceState;
  readonly type: string;
  readonly privateAddress: string | undefined;
  /** Absent while it is stopped. */
  readonly publicAddress: string | undefined;
}

/** Calls one action of a query API; answers its XML. */
export async function aws(
  service: keyof typeof VERSIONS,
  action: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<string> {
  // moto takes service and region from here, and checks no signature.
  const scope = `carapace-test/20250101/us-east-1/${service}/aws4_request`;
  const response = await fetch(AWS, {
    method: 'POST',
    headers: { Authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none` },
    body: new URLSearchParams({ Action: action, Version: VERSIONS[service], ...parameters }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`AWS refused ${action}: ${text}`);
  return text;
}

export function ec2(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> {
  return aws('ec2', action, parameters);
}

/** The text of the first element of that name. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
}

/** Every instance, the terminated ones too. */
export async function describeInstances(): Promise<Instance[]> {
  const [, ...parts] = (await ec2('DescribeInstances')).split('<instanceId>');
  return parts.map((part) => ({
    id: part.slice(0, part.indexOf('<')),
    state: element(part, 'name') as InstanceState,
    type: element(part, 'instanceType') ?? '',
    privateAddress: element(part, 'privateIpAddress'),
    publicAddress: element(part, 'ipAddress'),
  }));
}

/** What the creator of an instance wants done at its first start: a cloud-init file. */
export async function userData(instance: string): Promise<string> {
  const xml = await ec2('DescribeInstanceAttribute', { InstanceId: instance, Attribute: 'userData' });
  return Buffer.from(element(xml, 'value') ?? '', 'base64').toString();
}
