/** The parts of VS Code's API that run without VS Code. `satisfies` keeps them to the real types. */
import type * as vscode from 'vscode';
import { t } from './fixtures.ts';

class FakeEventEmitter<T> {
  readonly #listeners = new Set<(event: T) => unknown>();

  readonly event: vscode.Event<T> = (listener) => {
    this.#listeners.add(listener);
    const registration: unknown = new FakeDisposable(() => this.#listeners.delete(listener));
    return registration as vscode.Disposable;
  };

  fire(data: T): void {
    for (const listener of [...this.#listeners]) listener(data);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

class FakeDisposable {
  readonly #dispose: () => unknown;

  static from(...parts: { dispose: () => unknown }[]): FakeDisposable {
    return new FakeDisposable(() => parts.forEach((part) => part.dispose()));
  }

  constructor(dispose: () => unknown) {
    this.#dispose = dispose;
  }

  dispose(): void {
    this.#dispose();
  }
}

type MessageOrUri = string | vscode.Uri;

class FakeFileSystemError extends Error {
  readonly code: string;

  constructor(messageOrUri?: MessageOrUri, code = 'Unknown') {
    super(String(messageOrUri));
    this.code = code;
  }

  static FileNotFound = (what?: MessageOrUri) => new FakeFileSystemError(what, 'FileNotFound');
  static FileExists = (what?: MessageOrUri) => new FakeFileSystemError(what, 'FileExists');
  static FileNotADirectory = (what?: MessageOrUri) => new FakeFileSystemError(what, 'FileNotADirectory');
  static FileIsADirectory = (what?: MessageOrUri) => new FakeFileSystemError(what, 'FileIsADirectory');
  static NoPermissions = (what?: MessageOrUri) => new FakeFileSystemError(what, 'NoPermissions');
  static Unavailable = (what?: MessageOrUri) => new FakeFileSystemError(what, 'Unavailable');
}

/** An address with what the file system uses of it. */
export function fakeUri(authority: string, path: string): vscode.Uri {
  const uri: unknown = {
    scheme: 'carapace-seat',
    authority,
    path,
    query: '',
    fragment: '',
    fsPath: path,
    with: (change: { path?: string }): vscode.Uri => fakeUri(authority, change.path ?? path),
    toString: () => `carapace-seat://${authority}${path}`,
    toJSON: () => `carapace-seat://${authority}${path}`,
  };
  return uri as vscode.Uri;
}

/** Their values are those of the API's documentation. */
const enums = {
  FileType: { Unknown: 0, File: 1, Directory: 2, SymbolicLink: 64 },
  FileChangeType: { Changed: 1, Created: 2, Deleted: 3 },
  FilePermission: { Readonly: 1 },
  ProgressLocation: { SourceControl: 1, Window: 10, Notification: 15 },
} as unknown as Pick<typeof vscode, 'FileType' | 'FileChangeType' | 'FilePermission' | 'ProgressLocation'>;

const emitter: unknown = FakeEventEmitter satisfies typeof vscode.EventEmitter;

export const fakeVscode = {
  EventEmitter: emitter as typeof vscode.EventEmitter,
  Disposable: FakeDisposable as unknown as typeof vscode.Disposable,
  FileSystemError: FakeFileSystemError satisfies typeof vscode.FileSystemError,
  ...enums,
  Uri: {
    from: ({ authority, path }: { authority: string; path: string }) => fakeUri(authority, path),
    parse: (text: string) => fakeUri(new URL(text).host, decodeURIComponent(new URL(text).pathname)),
  } as unknown as typeof vscode.Uri,
  l10n: { t } as unknown as typeof vscode.l10n,
};
