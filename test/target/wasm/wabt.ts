import wabt from 'wabt';
import { encode } from '../../../src/target/wasm/encode.ts';
import { type WasmModule } from '../../../src/target/wasm/module.ts';
import { print } from '../../../src/target/wasm/print.ts';

const assembler = await wabt();

const features = {
  simd: true,
  relaxed_simd: true,
  threads: true,
  bulk_memory: true,
  sat_float_to_int: true,
  sign_extension: true,
  multi_value: true,
  mutable_globals: true,
};

/** What `parseWat` gives; the package's types leave out that `validate` takes the features, too. */
interface Parsed extends Omit<ReturnType<typeof assembler.parseWat>, 'validate'> {
  validate(options: typeof features): void;
}

/** The bytes that wabt, an independent assembler, makes of a text, which it must find valid; in hexadecimal. */
export function wabtBytes(text: string, names: boolean): string {
  const utf8 = Buffer.from(text).toString('latin1'); // the package writes a character as a byte
  const module: Parsed = assembler.parseWat('module.wat', utf8, features);
  try {
    module.validate(features);
    return hex(module.toBinary({ write_debug_names: names, canonicalize_lebs: true }).buffer);
  } finally {
    module.destroy();
  }
}

/** Our bytes, and those that wabt makes of our text; `names` where the module has some. */
export const bothAssemblers = (
  module: WasmModule,
  { names = false } = {},
): { ours: string; wabt: string } => ({
  ours: hex(encode(module)),
  wabt: wabtBytes(print(module), names),
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
