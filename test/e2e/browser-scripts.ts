/** What tests of the control plane run in the pages of a browser: functions, in the text that the browser gets. */

/** Runs in a page of the server: reads a file as it does. */
export const READ = `async ([url, token]) => {
  const answer = await fetch(url, { headers: { authorization: 'Bearer ' + token } });
  const { headers, status } = answer;
  return [status, await answer.text(), headers.get('cache-control'), headers.get('content-security-policy')];
}`;

/** Runs there, too: opens a terminal, and asks its shell. */
export const SHELL = `([seat, token]) => new Promise((done) => {
  const protocols = ['carapace.tty.v1', 'carapace.bearer.' + token];
  const socket = new WebSocket(location.origin.replace('http', 'ws') + seat + '/terminal?cols=80&rows=24', protocols);
  socket.binaryType = 'arraybuffer';
  let shown = '';
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string') shown += new TextDecoder().decode(data);
    if (!shown.includes('the-42-shell')) return;
    socket.close();
    done('answered');
  };
  socket.onopen = () => socket.send(new TextEncoder().encode('echo the-$((20+22))-shell\\n'));
  socket.onclose = ({ code }) => done('closed ' + code);
})`;

/** Runs there, too: whether an element comes to load. */
const LOAD_ELEMENT = `(tag, url) => new Promise((done) => {
  const element = document.createElement(tag);
  element.onload = () => done('loaded');
  element.onerror = () => done('refused');
  element.src = url;
  document.body.append(element);
})`;
export const LOAD_SCRIPT = `(url) => (${LOAD_ELEMENT})('script', url)`;
export const LOAD = `async ([script, picture]) => {
  const worker = await navigator.serviceWorker.register(script).then(() => 'loaded', () => 'refused');
  const load = ${LOAD_ELEMENT};
  return [worker, await load('script', script), await load('img', picture)];
}`;

/** Runs in a page of another site, which has come to know everything. */
export const ATTACK = `async ([server, seat, token, body]) => {
  const sent = (url, options) => fetch(server + url, options).then(() => 'sent', () => 'refused');
  const socket = new WebSocket(server.replace('http', 'ws') + seat + '/terminal', [
    'carapace.tty.v1',
    'carapace.bearer.' + token,
  ]);
  const terminal = await new Promise((done) => {
    socket.onopen = () => done('opened');
    socket.onclose = ({ code }) => done('closed ' + code);
  });
  return [
    await sent(seat + '/files?path=', { headers: { authorization: 'Bearer ' + token } }),
    await sent('/api/join', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    // Without a word to this page: whether it has changed something is looked at behind it.
    await sent('/api/join', { method: 'POST', body, mode: 'no-cors' }),
    terminal,
  ];
}`;
export const FRAME = `(url) => new Promise((done) => {
  const frame = document.createElement('iframe');
  frame.onload = done;
  frame.src = url;
  document.body.append(frame);
})`;
