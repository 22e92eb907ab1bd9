/** Real seats' files with a VS Code that answers as it is told. */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import type * as vscode from 'vscode';
import { SeatFiles } from '../../../src/client/seat-files.ts';
import { NotFoundError } from '../../../src/protocol/errors.ts';
import { SeatFileSystem } from '../../../src/providers/files/seat-file-system.ts';
import type { TransferParts } from '../../../src/providers/files/seat-door.ts';
import { startWorkspace, type TestWorkspace } from '../workspace/support.ts';
import { fakeUri, fakeVscode } from './fake-vscode.ts';

/** The workspace servers of two seats behind one address, as an agent has them. */
export class TestSeats {
  readonly requests: string[] = [];
  readonly #workspaces: readonly TestWorkspace[];
  readonly #server: Server;
  /** Whether the seats can be reached. */
  open = true;

  private constructor(workspaces: readonly TestWorkspace[]) {
    this.#workspaces = workspaces;
    this.#server = createServer((request, response) => this.#relay(request, response));
  }

  static async start(): Promise<TestSeats> {
    const seats = new TestSeats([await startWorkspace(), await startWorkspace()]);
    seats.#server.listen(0, '127.0.0.1');
    await once(seats.#server, 'listening');
    return seats;
  }

  /** The folder of a seat on the disk. */
  root(seat = 1): string {
    return this.#workspace(seat).root;
  }

  withFiles = <T>(workshopId: string, seat: number, work: (files: SeatFiles) => Promise<T>): Promise<T> => {
    const { port } = this.#server.address() as AddressInfo;
    const access = { endpoint: `http://127.0.0.1:${port}`, token: 't', expires_at: '2030-01-01T00:00:00Z' };
    return work(new SeatFiles({ access, workshopId, seat }));
  };

  /** Cuts what is open, and lets nothing in until {@link open} says so. */
  cut(): void {
    this.open = false;
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    for (const workspace of this.#workspaces) await workspace.stop();
  }

  #workspace(seat: number): TestWorkspace {
    const workspace = this.#workspaces[seat - 1];
    if (workspace === undefined) throw new NotFoundError(`There is no seat ${seat}.`);
    return workspace;
  }

  #relay(request: IncomingMessage, response: ServerResponse): void {
    const [, seat = '', path = ''] = /^\/proxy\/ws-one\/(\d+)(.*)$/.exec(request.url ?? '') ?? [];
    if (!this.open) {
      request.socket.destroy();
      return;
    }
    this.requests.push(`${request.method ?? ''} ${path}`);
    const { method, headers } = request;
    const socketPath = this.#workspace(Number(seat)).filesSocket;
    const onward = httpRequest({ socketPath, path, method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }
}

/** What the person at this VS Code answers, and what they were asked. */
export interface Person {
  readonly asked: string[];
  /** The titles of buttons that are pressed, in turn; undefined closes the question. */
  readonly presses: (string | undefined)[];
  readonly types: (string | undefined)[];
  readonly chooses: (string[] | undefined)[];
}

interface FakeButton {
  readonly title: string;
}

/** VS Code as far as the commands on files use it. */
export function filesVscode(person: Person): typeof vscode {
  const press = (message: string, options?: { detail?: string }, ...buttons: (string | FakeButton)[]) => {
    if (options === undefined) return Promise.resolve(undefined);
    person.asked.push(options.detail === undefined ? message : `${message}\n${options.detail}`);
    const wanted = person.presses.shift();
    return Promise.resolve(buttons.find((button) => (typeof button === 'string' ? button : button.title) === wanted));
  };
  const fake: unknown = {
    ...fakeVscode,
    Uri: fakeUris,
    TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: 2 },
    TreeItem: class {
      readonly label: unknown;
      readonly collapsibleState: unknown;
      constructor(label: unknown, collapsibleState: unknown) {
        this.label = label;
        this.collapsibleState = collapsibleState;
      }
    },
    ThemeIcon: FakeThing,
    ThemeColor: FakeThing,
    MarkdownString: FakeMarkdown,
    DataTransferItem: class {
      readonly value: unknown;
      constructor(value: unknown) {
        this.value = value;
      }
      asString = () => Promise.resolve(String(this.value));
      asFile = () => undefined;
    },
    WorkspaceEdit: class {
      renameFile = () => undefined;
    },
    TabInputText: FakeThing,
    TabInputCustom: FakeThing,
    workspace: { applyEdit: () => Promise.resolve(false), fs: {} },
    commands: {
      executeCommand: (...all: unknown[]) => Promise.resolve(void person.asked.push(`run ${String(all[0])}`)),
    },
    env: { clipboard: { writeText: (text: string) => Promise.resolve(void person.asked.push(`copied ${text}`)) } },
    window: {
      showWarningMessage: press,
      setStatusBarMessage: () => undefined,
      showInputBox: () => Promise.resolve(person.types.shift()),
      showOpenDialog: () => Promise.resolve(person.chooses.shift()?.map((path) => fakeUris.file(path))),
      withProgress: (_options: unknown, work: (progress: object, token: object) => Promise<unknown>) =>
        work({ report: () => undefined }, { onCancellationRequested: () => ({ dispose: () => undefined }) }),
      tabGroups: { all: [], close: () => Promise.resolve(true) },
    },
  };
  return fake as typeof vscode;
}

/** Made and handed over, and never looked into. */
class FakeThing {
  readonly given: readonly unknown[];
  constructor(...given: unknown[]) {
    this.given = given;
  }
}

class FakeMarkdown {
  value = '';
  appendMarkdown(text: string): this {
    this.value += text;
    return this;
  }
  appendText(text: string): this {
    return this.appendMarkdown(text);
  }
}

const fakeUris = {
  from: ({ authority, path }: { authority: string; path: string }) => fakeUri(authority, path),
  file: (path: string): vscode.Uri => {
    const uri: unknown = { scheme: 'file', path, fsPath: path, toString: () => pathToFileURL(path).href };
    return uri as vscode.Uri;
  },
  parse: (text: string): vscode.Uri => {
    const { protocol, host, pathname } = new URL(text);
    return protocol === 'file:'
      ? fakeUris.file(decodeURIComponent(pathname))
      : fakeUri(host, decodeURIComponent(pathname));
  },
};

/** Everything that the commands need, on real seats. */
export function filesParts(seats: TestSeats, person: Person): TransferParts & { readonly files: SeatFileSystem } {
  const vs = filesVscode(person);
  const files = new SeatFileSystem({ vs, withFiles: seats.withFiles, backoff: () => 10 });
  return { vs, files, withFiles: seats.withFiles };
}
