/** The devices by name. One line here is all that the rest of the library knows of a device's code. */
import type { Backend } from '../device/backend.ts';
import { RuntimeError } from '../errors.ts';
import { cpu } from '../kernels/cpu.ts';

const backends: Readonly<Record<string, Backend>> = { cpu };

/** The device's primitives. @throws RuntimeError naming the device when there is none of that name. */
export const backendOf = (device: string): Backend => {
  const found = backends[device];
  if (found !== undefined) return found;
  checkDevice(device);
  throw new RuntimeError(`device ${device} is not available: this version of Millrace computes on the CPU`);
};

/** @throws RuntimeError when the text does not name a device at all. */
export const checkDevice = (device: string): void => {
  if (!/^(cpu|cuda|webgpu)(:\d+)?$/.test(device)) {
    throw new RuntimeError(
      `Expected one of cpu, cuda, webgpu device type at start of device string: ${device}`,
    );
  }
};
