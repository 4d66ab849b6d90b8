/** The system's functions that native code needs. The only file that knows koffi. */
import type * as Koffi from 'koffi';
import { RuntimeError } from '../../errors.ts';
import type { Abi } from '../../target/x64/compile.ts';

/** What pages allow. Never is anything both written and executed. */
export type Access = 'none' | 'write' | 'execute';

export interface System {
  /** By which convention functions are called. */
  readonly abi: Abi;
  /** New pages, cleared, which may be read and written; 0 when the system refuses. They are never given back. */
  map(bytes: number): number;
  /** Whether the system lets pages be used so from now on. */
  protect(address: number, bytes: number, access: Access): boolean;
  /** Copies bytes to an address. */
  copy(address: number, bytes: Uint8Array): void;
  /**
   * Asks the C library to keep so many bytes of freed memory for its next allocations, instead of giving them to the
   * system and then getting them back page by page, which takes longer than most kernels. Where it cannot be asked,
   * nothing happens.
   */
  keepFreed(bytes: number): void;
  /** Tells the system that all of a large piece of memory will be used, so that it may come in large pages. */
  expectUse(address: number, bytes: number): void;
  /** Where a buffer's first byte is. It stays there while the buffer lives. */
  addressOf(buffer: ArrayBuffer): number;
  /** Memory that was mapped, as JavaScript sees it. */
  view(address: number, bytes: number): ArrayBuffer;
  /**
   * Starts a thread of the system's that runs `void *code(void *argument)` and hears no signals; false when the system
   * refuses. Null on systems where our threads would not know how to wait.
   */
  readonly startThread: ((code: number, argument: number) => boolean) | null;
  /** The machine code at an address, which takes no arguments and returns nothing. About 10 ns per call. */
  callable(address: number): () => void;
}

/** @throws RuntimeError that says why, where there is no way to the system's functions */
export const connectSystem = (): System => {
  const { process }: { process?: Partial<NodeJS.Process> | undefined } = globalThis;
  const koffi = loadKoffi(process);
  const build = process?.platform === 'win32' ? windows : posix;
  try {
    return { ...build(koffi), ...common(koffi) };
  } catch (error) {
    throw new RuntimeError(`the system lacks a function: ${String(error)}`);
  }
};

/** Not by an import, at which bundlers for pages would stop: it is an optional dependency with a binary part. */
const loadKoffi = (process: Partial<NodeJS.Process> | undefined): typeof Koffi => {
  const createRequire = process?.getBuiltinModule?.('node:module').createRequire;
  if (createRequire === undefined) throw new RuntimeError('there is no Node here');
  try {
    return createRequire(import.meta.url)('koffi') as typeof Koffi;
  } catch (error) {
    const [firstLine] = String(error instanceof Error ? error.message : error).split('\n');
    throw new RuntimeError(`koffi cannot be loaded: ${firstLine ?? ''}`);
  }
};

const common = (koffi: typeof Koffi): Pick<System, 'addressOf' | 'view' | 'callable'> => {
  const procedure = koffi.proto('void', []);
  return {
    addressOf: (buffer) => Number(koffi.address(buffer)),
    view: (address, bytes) => koffi.view(BigInt(address), bytes),
    callable: (address) => koffi.decode(BigInt(address), procedure) as () => void,
  };
};

type Rest = Omit<System, 'addressOf' | 'view' | 'callable'>;

/** Linux, whichever C library, and macOS: the library that Node itself runs on. */
const posix = (koffi: typeof Koffi): Rest => {
  const library = koffi.load(null);
  const mmap = library.func('mmap', 'int64_t', ['uint64_t', 'size_t', 'int', 'int', 'int', 'int64_t']) as (
    ...args: number[]
  ) => number;
  const mprotect = library.func('mprotect', 'int', ['uint64_t', 'size_t', 'int']) as (
    ...args: number[]
  ) => number;
  const memcpy = library.func('memcpy', 'void', ['uint64_t', 'const void *', 'size_t']) as (
    to: number,
    from: Uint8Array,
    bytes: number,
  ) => void;
  const mallopt = optional(library, 'mallopt', ['int', 'int']);
  const madvise = optional(library, 'madvise', ['uint64_t', 'size_t', 'int']);
  const linux = globalThis.process.platform === 'linux';
  const READ = 1;
  const WRITE = 2;
  const EXECUTE = 4;
  const PRIVATE = 2;
  const ANONYMOUS = globalThis.process.platform === 'darwin' ? 0x1000 : 0x20;
  const allowed: Readonly<Record<Access, number>> = {
    none: 0,
    write: READ | WRITE,
    execute: READ | EXECUTE,
  };
  return {
    abi: 'sysv',
    map: (bytes) => Math.max(mmap(0, bytes, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0), 0),
    protect: (address, bytes, access) => mprotect(address, bytes, allowed[access]) === 0,
    copy: (address, bytes) => memcpy(address, bytes, bytes.length),
    keepFreed(bytes) {
      mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_MAX);
      mallopt(M_TRIM_THRESHOLD, bytes);
    },
    expectUse(address, bytes) {
      if (!linux) return;
      const begin = Math.ceil(address / PAGE) * PAGE;
      const end = Math.floor((address + bytes) / PAGE) * PAGE;
      if (end > begin) madvise(begin, end - begin, MADV_HUGEPAGE);
    },
    startThread: linux ? threadStarter(library) : null,
  };
};

/** By POSIX threads. A new thread inherits which signals it does not hear: those are for Node's own threads. */
const threadStarter = (library: Koffi.LibraryHandle): System['startThread'] => {
  const create = library.func('pthread_create', 'int', ['void *', 'void *', 'uint64_t', 'uint64_t']) as (
    thread: BigUint64Array,
    attributes: null,
    code: number,
    argument: number,
  ) => number;
  const detach = library.func('pthread_detach', 'int', ['uint64_t']) as (thread: bigint) => number;
  const mask = library.func('pthread_sigmask', 'int', ['int', 'const void *', 'void *']) as (
    how: number,
    set: Uint8Array,
    before: Uint8Array | null,
  ) => number;
  const SETMASK = 2;
  const all = new Uint8Array(128).fill(0xff);
  const before = new Uint8Array(128);
  const thread = new BigUint64Array(8);
  return (code, argument) => {
    mask(SETMASK, all, before);
    const started = create(thread, null, code, argument) === 0;
    mask(SETMASK, before, null);
    if (started) detach(thread[0]!);
    return started;
  };
};

/** A function that not every C library has; where it is absent, it does nothing. */
const optional = (
  library: Koffi.LibraryHandle,
  name: string,
  parameters: string[],
): ((...args: number[]) => number) => {
  try {
    return library.func(name, 'int', parameters) as (...args: number[]) => number;
  } catch {
    return () => 0;
  }
};
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
/** What is larger gets pages of its own, and gives them back at once. */
const MMAP_THRESHOLD_MAX = 32 * 2 ** 20;
const MADV_HUGEPAGE = 14;
const PAGE = 4096;

const windows = (koffi: typeof Koffi): Rest => {
  const library = koffi.load('kernel32.dll');
  const VirtualAlloc = library.func('VirtualAlloc', 'uint64_t', [
    'uint64_t',
    'size_t',
    'uint32_t',
    'uint32_t',
  ]) as (...args: number[]) => number;
  const VirtualProtect = library.func('VirtualProtect', 'int', [
    'uint64_t',
    'size_t',
    'uint32_t',
    'void *',
  ]) as (address: number, bytes: number, protection: number, old: Uint32Array) => number;
  const RtlMoveMemory = library.func('RtlMoveMemory', 'void', ['uint64_t', 'const void *', 'size_t']) as (
    to: number,
    from: Uint8Array,
    bytes: number,
  ) => void;
  const FlushInstructionCache = library.func('FlushInstructionCache', 'int', [
    'intptr_t',
    'uint64_t',
    'size_t',
  ]) as (...args: number[]) => number;
  const RESERVE_AND_COMMIT = 0x3000;
  const THIS_PROCESS = -1;
  const allowed: Readonly<Record<Access, number>> = {
    none: 0x01, // PAGE_NOACCESS
    write: 0x04, // PAGE_READWRITE
    execute: 0x20, // PAGE_EXECUTE_READ
  };
  return {
    abi: 'windows',
    map: (bytes) => VirtualAlloc(0, bytes, RESERVE_AND_COMMIT, allowed.write),
    protect: (address, bytes, access) =>
      VirtualProtect(address, bytes, allowed[access], new Uint32Array(1)) !== 0 &&
      (access !== 'execute' || FlushInstructionCache(THIS_PROCESS, address, bytes) !== 0),
    copy: (address, bytes) => RtlMoveMemory(address, bytes, bytes.length),
    keepFreed: () => undefined,
    expectUse: () => undefined,
    startThread: null,
  };
};
