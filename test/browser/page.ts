import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { describe } from 'vitest';
import type * as Flow from '../../src/index.ts';

/** The browser to test in; undefined where there is none. */
const browserPath = [
  process.env['CHROME_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path !== undefined && existsSync(path));

const hint = 'no browser found; apt-get install chromium, or set CHROME_PATH to one';

/** `describe` for what runs in a page: skipped, saying so, where there is no browser. */
export function describeInPage(name: string, body: () => void): void {
  if (browserPath === undefined) console.warn(`skipped: ${name} (${hint})`);
  describe.skipIf(browserPath === undefined)(name, body);
}

export interface PageOptions {
  /** Module whose exports `evaluate` hands to its function. Default: the library itself. */
  entry?: string;
  /** Whether the page is cross-origin isolated, without which it has no shared memory. Default true. */
  isolated?: boolean;
}

export interface TestPage extends AsyncDisposable {
  /**
   * Runs `body` in the page with the library's exports and `argument`, and returns what it returns. The
   * function travels as source, so it may use nothing from around it; argument and result travel as copies
   * (numbers, strings, arrays, typed arrays, plain objects).
   */
  evaluate<R, A = undefined>(
    body: (flow: typeof Flow, argument: A) => R | Promise<R>,
    argument?: A,
  ): Promise<R>;
  /** What the page wrote to its console as errors or failed with outside of `evaluate`. */
  readonly errors: readonly string[];
}

/** Bundles the library as a user's bundler would and opens it in a page of a headless browser. */
export async function openPage(options: PageOptions = {}): Promise<TestPage> {
  if (browserPath === undefined) throw new Error(hint);
  const { entry = fileURLToPath(new URL('../../src/index.ts', import.meta.url)), isolated = true } = options;
  const server = await serve(await bundle(entry), isolated);
  let browser: Browser | undefined;
  try {
    browser = await launch(browserPath);
    const page = await browser.newPage();
    const errors = collectErrors(page);
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return {
      errors,
      evaluate: (body, argument) => evaluate(page, body, argument as never),
      [Symbol.asyncDispose]: () => close(server, browser),
    };
  } catch (error) {
    await close(server, browser);
    throw error;
  }
}

/** Bundled files by path. A warning fails the build: users would see it too. */
async function bundle(entry: string): Promise<Map<string, string | Uint8Array>> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry, formats: ['es'], fileName: 'millrace' },
      rollupOptions: {
        onLog(level, log) {
          if (level === 'warn') throw new Error(`bundling warns: ${log.message}`);
        },
      },
    },
  });
  if (!Array.isArray(result)) throw new Error('vite did not return the bundle');
  const files = new Map<string, string | Uint8Array>();
  for (const { output } of result) {
    for (const file of output) {
      files.set(`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source);
    }
  }
  return files;
}

const mediaTypes: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
};

async function serve(files: Map<string, string | Uint8Array>, isolated: boolean): Promise<Server> {
  files.set('/', '<!doctype html><link rel="icon" href="data:," /><title>Millrace</title>');
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const body = files.get(path);
    const extension = path === '/' ? 'html' : path.slice(path.lastIndexOf('.') + 1);
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': mediaTypes[extension] ?? 'application/octet-stream',
      ...(isolated && {
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      }),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Headless, and without the requests that a browser makes on its own behalf. */
function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

function collectErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return errors;
}

function evaluate<R, A>(
  page: Page,
  body: (flow: typeof Flow, argument: A) => R | Promise<R>,
  argument: A,
): Promise<R> {
  // The function is rebuilt from its text inside the page, beside the module it works on.
  const source = `async (argument) => (${String(body)})(await import('/millrace.js'), argument)`;
  return page.evaluate<R, { source: string; argument: unknown }>(
    ({ source, argument }) => {
      const run = (0, eval)(source) as (argument: unknown) => R;
      return run(argument);
    },
    { source, argument },
  );
}

async function close(server: Server, browser: Browser | undefined): Promise<void> {
  await browser?.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
