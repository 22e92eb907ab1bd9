// Says what is wrong with a folder of images: node check-images.cjs FOLDER. Silent and 0 where every file is the manifest's.
const { createHash } = require('node:crypto');
const { createReadStream, readFileSync } = require('node:fs');
const { join } = require('node:path');
const process = require('node:process');
const { pipeline } = require('node:stream/promises');

async function problemsOf(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  if (manifest.format !== 1) return [`manifest.json has format ${manifest.format}, not 1`];
  const problems = [];
  for (const part of ['kernel', 'initramfs', 'rootfs']) {
    const { name, sha256 } = manifest[part];
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(join(folder, name)), hash);
    } catch (error) {
      problems.push(`${name} cannot be read (${error.code})`);
      continue;
    }
    if (hash.digest('hex') !== sha256) problems.push(`${name} is not the file that manifest.json names`);
  }
  return problems;
}

problemsOf(process.argv[2]).then(
  (problems) => {
    if (problems.length === 0) return;
    process.stderr.write(`${problems.join('; ')}\n`);
    process.exitCode = 1;
  },
  (error) => {
    process.stderr.write(`manifest.json cannot be used: ${error.message}\n`);
    process.exitCode = 1;
  },
);
