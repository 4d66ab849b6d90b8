/** Whether operations are recorded on the tape. */

let enabled = true;

export const isGradEnabled = (): boolean => enabled;

/** Switches recording on or off until it is switched again. Prefer `noGrad(() => …)`. */
export const setGradEnabled = (value: boolean): void => {
  enabled = value;
};

const withMode = <T>(mode: boolean, body: () => T): T => {
  const before = enabled;
  enabled = mode;
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new TypeError(
        'noGrad and enableGrad take a synchronous function: recording is switched back when it returns',
      );
    }
    return result;
  } finally {
    enabled = before;
  }
};

/** Runs `body` without recording: its results are leaves that require no gradient. @see torch.no_grad */
export const noGrad = <T>(body: () => T): T => withMode(false, body);

/** Runs `body` with recording, inside a `noGrad` too. @see torch.enable_grad */
export const enableGrad = <T>(body: () => T): T => withMode(true, body);
