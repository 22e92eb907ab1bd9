/** Has a page carry those texts only that it says itself. */
import { readFileSync } from 'node:fs';
import { build, type Plugin } from 'esbuild';
import { findStrings } from './strings.ts';

/** Each language has a bundle; that of the extension is for the pages, too. */
const BUNDLE = /bundle\.l10n\.[\w-]+\.json$/;

/** @param entry the page's script @param document its HTML */
export function pageTexts(entry: string, document: string): Plugin {
  return {
    name: 'page-texts',
    setup: (page) => {
      page.onLoad({ filter: BUNDLE }, async ({ path }) => {
        const files = [...(await sourcesOf(entry)), document];
        const { texts } = findStrings(files);
        const all = JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, string>>;
        const needed = Object.entries(all).filter(([text]) => texts.has(text));
        return { contents: JSON.stringify(Object.fromEntries(needed)), loader: 'json', watchFiles: [path, ...files] };
      });
    },
  };
}

/** The files of ours of which something is in the script. */
async function sourcesOf(entry: string): Promise<string[]> {
  const none: Plugin = {
    name: 'no-texts',
    setup: (page) => page.onLoad({ filter: BUNDLE }, () => ({ contents: '{}', loader: 'json' })),
  };
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: 'none.js',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    plugins: [none],
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  return used.flatMap(([file, { bytesInOutput }]) => (file.startsWith('src/') && bytesInOutput > 0 ? [file] : []));
}
