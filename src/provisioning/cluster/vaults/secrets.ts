/** Files that look like keys or passwords: by their name, or by how they begin. */
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { inParallel } from '../../operations/abort.ts';
import { isUnchanged, type FileEntry, type Files } from './listing.ts';

/** Larger files are not looked into: keys and configuration are small. */
const MAX_LOOKED_INTO = 64 * 1024;
const HEAD_BYTES = 1024;
const AT_ONCE = 16;
/** As many files are judged before other work gets its turn. */
const FILES_PER_TURN = 2_000;

const SECRET_NAMES = [
  /^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/i,
  /\.(pem|key|p12|pfx|ppk|jks|keystore|kdbx)$/i,
  /^\.env(\.(?!example$|sample$|template$|dist$).+)?$/i,
  /^credentials(\.(json|ya?ml|ini|csv|txt))?$/i,
  /^(application_default_credentials|service[-_]?account.*|client_secret.*)\.json$/i,
  /^secrets?\.(json|ya?ml|toml|env|txt)$/i,
  /^(kubeconfig.*|.*\.kubeconfig)$/i,
  /^\.(netrc|pgpass|pypirc|git-credentials|htpasswd|dockercfg|my\.cnf)$/i,
];
const SECRET_FOLDERS = /(^|\/)(\.aws|\.ssh|\.gnupg|\.kube|\.azure|\.config\/gcloud)\//i;
/** What such a folder has that is no secret. */
const HARMLESS = /(\.pub|\/(known_hosts|authorized_keys))$/i;

const SECRET_TEXT = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /aws_secret_access_key\s*[=:]/i,
  /\bgh[pousr]_[A-Za-z0-9]{36}/,
  /\bgithub_pat_[A-Za-z0-9_]{22}/,
  /\bxox[abprs]-[A-Za-z0-9-]{10}/,
  /\bsk-(ant|proj)-[A-Za-z0-9_-]{16}/,
];

/** Whether a file of that name usually holds a secret. */
export function isSecretName(path: string): boolean {
  if (HARMLESS.test(path)) return false;
  const name = basename(path);
  return SECRET_FOLDERS.test(path) || SECRET_NAMES.some((pattern) => pattern.test(name));
}

/** Whether the first KiB of a file has a key in it. */
export function isSecretText(head: string): boolean {
  return SECRET_TEXT.some((pattern) => pattern.test(head));
}

interface Verdict {
  readonly entry: FileEntry;
  readonly secret: boolean;
}

/** Looks for secrets in one folder, and into each file once until it changes. */
export class SecretSearch {
  #root = '';
  #verdicts = new Map<string, Verdict>();

  /** The paths of files that look like secrets. @throws the signal's reason */
  async find(root: string, files: Files, signal: AbortSignal): Promise<string[]> {
    const before = this.#root === root ? this.#verdicts : new Map<string, Verdict>();
    const verdicts = new Map<string, Verdict>();
    const unknown: [string, FileEntry][] = [];
    let count = 0;
    for (const [path, entry] of files) {
      if (++count % FILES_PER_TURN === 0) await turn();
      if (entry.kind === 'link') continue;
      const known = before.get(path);
      if (known !== undefined && isUnchanged(known.entry, entry)) verdicts.set(path, known);
      else if (isSecretName(path)) verdicts.set(path, { entry, secret: true });
      else if (entry.size > 0 && entry.size <= MAX_LOOKED_INTO) unknown.push([path, entry]);
      else verdicts.set(path, { entry, secret: false });
    }
    await inParallel(unknown, { limit: AT_ONCE, keepGoing: false }, async ([path, entry]) => {
      signal.throwIfAborted();
      verdicts.set(path, { entry, secret: isSecretText(await readHead(join(root, path))) });
    });
    [this.#root, this.#verdicts] = [root, verdicts];
    return [...verdicts].filter(([, { secret }]) => secret).map(([path]) => path);
  }
}

/** The first KiB; nothing where the file cannot be read, which is told elsewhere. */
async function readHead(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
