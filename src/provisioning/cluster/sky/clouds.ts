/**
 * What clouds can do, as SkyPilot 0.14.1 knows it (`sky/clouds/*.py`: `_CLOUD_UNSUPPORTED_FEATURES` and
 * `_unsupported_features_for_resources`, the entries of `CloudImplementationFeatures.STOP`).
 */

/** Clouds whose machines cannot be stopped at all. */
const NEVER_STOP = new Set([
  'cudo',
  'fluidstack',
  'hyperbolic',
  'kubernetes',
  'lambda',
  'primeintellect',
  'runpod',
  'shadeform',
  'slurm',
  'ssh',
  'verda',
  'yotta',
]);

/** Clouds whose Spot machines cannot be stopped. Those of GCP can. */
const NEVER_STOP_SPOT = new Set(['aws', 'azure', 'ibm', 'oci', 'scp']);

/** Whether the cloud can stop such a machine and keep its disk. The name's case does not matter. */
export function canStop(cloud: string, useSpot: boolean): boolean {
  const name = cloud.toLowerCase();
  return !NEVER_STOP.has(name) && !(useSpot && NEVER_STOP_SPOT.has(name));
}

/** Clouds as SkyPilot spells them (`repr` of its cloud classes), by the names of their catalog folders. */
const SPELLED: Readonly<Record<string, string>> = {
  aws: 'AWS',
  azure: 'Azure',
  cudo: 'Cudo',
  do: 'DO',
  fluidstack: 'Fluidstack',
  gcp: 'GCP',
  hyperbolic: 'Hyperbolic',
  ibm: 'IBM',
  lambda: 'Lambda',
  mithril: 'Mithril',
  nebius: 'Nebius',
  oci: 'OCI',
  paperspace: 'Paperspace',
  primeintellect: 'PrimeIntellect',
  runpod: 'RunPod',
  scp: 'SCP',
  seeweb: 'Seeweb',
  shadeform: 'Shadeform',
  vast: 'Vast',
  verda: 'Verda',
  vsphere: 'vSphere',
  yotta: 'Yotta',
};

/** The cloud as SkyPilot spells it, `AWS` for `aws`. */
export function spelledCloud(name: string): string {
  return SPELLED[name.toLowerCase()] ?? name;
}

/**
 * Whether SkyPilot would choose this type by itself when only cores and memory are asked for: `_DEFAULT_INSTANCE_FAMILY`
 * of `sky/catalog/*_catalog.py`. Clouds without such a list choose among all their types.
 */
export function isDefaultType(cloud: string, instanceType: string): boolean {
  switch (cloud.toLowerCase()) {
    case 'aws':
      return /^([mrc]6id?|[mrc]7i)\./.test(instanceType);
    case 'azure':
      return /^Standard_([DE]\d+s_v5|F\d+s_v2)$/.test(instanceType);
    case 'gcp':
      return /^n[124]-(standard|highmem|highcpu)-/.test(instanceType);
    case 'ibm':
      return instanceType.startsWith('bx2-');
    default:
      return true;
  }
}
