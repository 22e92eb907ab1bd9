/** The refusals of AWS that the rig can play. */

export const FAULTS = ['none', 'capacity', 'quota', 'no-quota', 'credentials'] as const;

/**
 * `capacity` and `quota` (used up) refuse new instances, `no-quota` says beforehand that this account may have none, and with
 * `credentials` they have expired and nothing works.
 */
export type Fault = (typeof FAULTS)[number];

export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The file in the rig's folder that says which one is played. */
export const FAULT_FILE = 'fault';

/** What AWS answers in place of moto, if it does. */
export function refusalOf(fault: string, authorization: string, body: string): Refusal | undefined {
  // The rig itself is let through, so that it sees the instances whatever is played.
  if (authorization.endsWith('Signature=none')) return undefined;
  const service = /Credential=[^/]*\/\d+\/[^/]+\/([a-z0-9-]+)\//.exec(authorization)?.[1] ?? '';
  const launches = service === 'ec2' && /(^|&)Action=RunInstances(&|$)/.test(body);
  switch (fault) {
    case 'capacity':
      return launches ? ec2Error(500, 'InsufficientInstanceCapacity', CAPACITY) : undefined;
    case 'quota':
      return launches ? ec2Error(400, 'VcpuLimitExceeded', QUOTA) : undefined;
    case 'no-quota':
      return service === 'servicequotas'
        ? { status: 200, type: 'application/x-amz-json-1.1', body: JSON.stringify({ Quota: { Value: 0 } }) }
        : undefined;
    case 'credentials':
      return service === 'ec2' ? ec2Error(400, 'RequestExpired', EXPIRED) : queryError(403, 'ExpiredToken', EXPIRED);
    default:
      return undefined;
  }
}

const CAPACITY =
  'We currently do not have sufficient m6i.large capacity in the Availability Zone you requested (us-east-1a). Our system ' +
  'will be working on provisioning additional capacity.';
const QUOTA =
  'You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the ' +
  'specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment ' +
  'to this limit.';
const EXPIRED = 'The security token included in the request is expired';

function ec2Error(status: number, code: string, message: string): Refusal {
  return xml(status, `<Response><Errors><Error>${error(code, message)}</Error></Errors></Response>`);
}

/** As IAM, STS and the like say it. */
function queryError(status: number, code: string, message: string): Refusal {
  return xml(status, `<ErrorResponse><Error><Type>Sender</Type>${error(code, message)}</Error></ErrorResponse>`);
}

function error(code: string, message: string): string {
  return `<Code>${code}</Code><Message>${message}</Message>`;
}

function xml(status: number, body: string): Refusal {
  return { status, type: 'text/xml', body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}` };
}
