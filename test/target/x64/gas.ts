import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const answers = (tool: string, ...args: string[]): boolean =>
  spawnSync(tool, [...args, '--version']).status === 0;

/** Whether GNU binutils for x86-64 are there, which know nothing of our encoder. */
export const hasGas = answers('as', '--64') && answers('objcopy') && answers('objdump');
if (!hasGas)
  console.warn('GNU as is missing, so that the x86-64 encoder is not compared: apt install binutils');

/** What GNU as makes of each line, in hexadecimal, or what it says against it. */
export function assembleLines(lines: readonly string[]): string[] {
  return inFolder((path) => {
    const results = lines.map(() => '');
    const options = ['--64', '-mnaked-reg', '-aln=listing', '--listing-lhs-width=4', '-o', 'code.o'];
    const run = (): string => {
      const text = lines.map((line, i) => (results[i] === '' ? line : '')).join('\n');
      writeFileSync(path('code.s'), `.intel_syntax noprefix\n${text}\n`);
      return spawnSync('as', [...options, 'code.s'], { cwd: path('.'), encoding: 'utf8', maxBuffer: 1 << 28 })
        .stderr;
    };
    for (const [, number, message] of run().matchAll(/^code\.s:(\d+): (.*)$/gm))
      results[Number(number) - 2] = message!;
    // There is no listing while there are errors.
    if (results.some((result) => result !== '')) run();
    // A line's bytes, over several lines where they are many: `  12 0040 62F17C48  vaddps …`
    for (const line of readFileSync(path('listing'), 'utf8').split('\n')) {
      const [, number, bytes] = /^ *(\d+) [\dA-Fa-f]{4,} ([\dA-F]+(?: [\dA-F]+)*)/.exec(line) ?? [];
      if (bytes !== undefined) results[Number(number) - 2] += bytes.replaceAll(' ', '').toLowerCase();
    }
    return results;
  });
}

/** The bytes of a whole program in Intel's syntax. */
export function assembleProgram(text: string): Uint8Array {
  return inFolder((path) => {
    writeFileSync(path('code.s'), `.intel_syntax noprefix\n${text}`);
    execFileSync('as', ['--64', '-mnaked-reg', '-o', path('code.o'), path('code.s')]);
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', path('code.o'), path('code.bin')]);
    return readFileSync(path('code.bin'));
  });
}

/** What objdump reads in some bytes: a line per instruction, spaces made even. */
export function disassemble(bytes: Uint8Array): string[] {
  return inFolder((path) => {
    writeFileSync(path('code.bin'), bytes);
    const options = [
      '-D',
      '-b',
      'binary',
      '-mi386:x86-64',
      '-Mintel',
      '--no-show-raw-insn',
      '--no-addresses',
    ];
    const text = execFileSync('objdump', [...options, path('code.bin')], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const lines = text.slice(text.indexOf('<.data>:') + 8).split('\n');
    return lines.map((line) => line.trim().replaceAll(/\s+/g, ' ')).filter((line) => line !== '');
  });
}

function inFolder<T>(body: (path: (name: string) => string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gas-'));
  try {
    return body((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
