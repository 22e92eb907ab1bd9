/** The page behind a join link. The code is in the link's fragment, which no browser sends to any server. */
import { createHash } from 'node:crypto';
import type { HttpService } from '../../lib/http-service.ts';
import { EXTENSION_ID } from '../../protocol/join-link.ts';

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1.5rem; }
  h1 { font-size: 1.6rem; }
  a.button { display: inline-block; padding: 0.5rem 1.25rem; border: 2px solid; border-radius: 0.4rem; text-decoration: none; }
  a.button:focus-visible { outline: 3px solid; outline-offset: 3px; }
  pre { padding: 1rem; border: 1px solid; border-radius: 0.4rem; overflow-x: auto; user-select: all; }
`;

const SCRIPT = `
  function show() {
    // A personal link has its owner's own code behind the join code, after a dot.
    const [typed, personal] = location.hash.slice(1).split('.');
    const letters = typed.replace(/[^0-9A-Za-z]/g, '').toUpperCase();
    const wellFormed = letters.length === 8 && (personal === undefined || /^[A-Za-z0-9_-]{1,128}$/.test(personal));
    document.getElementById('with-code').hidden = !wellFormed;
    document.getElementById('without-code').hidden = wellFormed;
    if (!wellFormed) return;
    const code = letters.slice(0, 4) + '-' + letters.slice(4);
    document.getElementById('code').textContent = code;
    const fragment = personal === undefined ? code : code + '.' + personal;
    const server = location.origin + location.pathname.replace(/\\/join\\/?$/, '');
    document.getElementById('command').textContent = "carapace join '" + server + '/join#' + fragment + "'";
    const query = '?server=' + encodeURIComponent(server);
    document.getElementById('editor').href = 'vscode://${EXTENSION_ID}/join' + query + '#' + fragment;
  }
  addEventListener('hashchange', show);
  show();
`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Join a workshop</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Join a workshop</h1>
<div id="with-code" hidden>
<p>Your join code is <strong id="code"></strong>.</p>
<p><a class="button" id="editor">Open in VS Code</a></p>
<p>That takes the extension Carapace. Or run this in a terminal:</p>
<pre id="command"></pre>
</div>
<p id="without-code">This address has no join code after its <code>#</code>. Ask your teacher for the whole link.</p>
<noscript><p>Reading the code from this page's address takes JavaScript. Without it, run
<code>carapace join</code> in a terminal, with the whole address of this page.</p></noscript>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function addJoinPage(service: HttpService): void {
  service.get('/join', (_request, reply) =>
    reply
      .headers({
        'content-security-policy': POLICY,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
      .type('text/html; charset=utf-8')
      .send(PAGE),
  );
}
