import { SingleBar } from 'cli-progress';
import * as flow from 'millrace';
import { data, nn, optim } from 'millrace';

export interface TrainingOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
}

/** Trains a classifier of images, with a progress bar: loss, images per second, time left. */
export const train = (
  model: nn.Module,
  dataset: data.MNIST,
  { epochs, batchSize, lr }: TrainingOptions,
): void => {
  const loader = new data.DataLoader(dataset, { batchSize, shuffle: true });
  const optimizer = new optim.Adam(model.parameters(), { lr });
  const criterion = new nn.CrossEntropyLoss();
  const steps = epochs * loader.length;
  const progress = new Progress(steps);
  const start = performance.now();
  let done = 0;
  let images = 0;
  let average = NaN;
  model.train();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    // The learning rate falls from its start to a hundredth along a cosine.
    for (const [x, labels] of loader) {
      const cosine = (1 + Math.cos((Math.PI * done) / steps)) / 2;
      for (const group of optimizer.paramGroups) group.lr = lr * (0.01 + 0.99 * cosine);
      optimizer.zeroGrad();
      const loss = criterion(model(x), labels);
      loss.backward();
      optimizer.step();
      const value = loss.item();
      average = Number.isNaN(average) ? value : 0.95 * average + 0.05 * value;
      done++;
      images += x.shape[0]!;
      const seconds = (performance.now() - start) / 1000;
      progress.update(done, {
        epoch: `${String(epoch)}/${String(epochs)}`,
        loss: average.toFixed(4),
        rate: Math.round(images / seconds),
        left: `${String(Math.round((seconds / done) * (steps - done)))} s`,
      });
    }
  }
  progress.stop();
};

/** The share of images whose largest logit is their label's, and the images misread. */
export const evaluate = (
  model: nn.Module,
  dataset: data.MNIST,
): {
  readonly accuracy: number;
  readonly misread: readonly { readonly index: number; readonly read: number }[];
} => {
  model.eval();
  const misread: { index: number; read: number }[] = [];
  let index = 0;
  for (const [x, labels] of new data.DataLoader(dataset, { batchSize: 250 })) {
    const read = flow
      .noGrad(() => model(x))
      .argmax(1)
      .tolist() as number[];
    const wanted = labels.tolist() as number[];
    read.forEach((digit, k) => {
      if (digit !== wanted[k]) misread.push({ index, read: digit });
      index++;
    });
  }
  return { accuracy: 1 - misread.length / dataset.length, misread };
};

interface Figures {
  readonly epoch: string;
  readonly loss: string;
  readonly rate: number;
  readonly left: string;
}

/** A bar on a terminal; elsewhere (a file, a pipe) a line now and then. */
class Progress {
  private readonly bar: SingleBar | null;
  private readonly every: number;

  constructor(private readonly total: number) {
    this.every = Math.ceil(total / 10);
    this.bar = process.stdout.isTTY
      ? new SingleBar({
          format: '  {bar} {percentage}% | epoch {epoch} | loss {loss} | {rate} images/s | {left} left',
          stream: process.stdout,
          hideCursor: true,
          // The loop never yields to timers, so the bar draws itself at its updates.
          forceRedraw: true,
          fps: 20,
        })
      : null;
    this.bar?.start(total, 0, { epoch: '1', loss: '-', rate: 0, left: '-' });
  }

  update(done: number, figures: Figures): void {
    if (this.bar) this.bar.update(done, figures);
    else if (done % this.every === 0 || done === this.total) {
      console.log(
        `  ${String(Math.round((100 * done) / this.total)).padStart(3)}% | epoch ${figures.epoch} | loss ${figures.loss} | ${String(figures.rate)} images/s | ${figures.left} left`,
      );
    }
  }

  stop(): void {
    this.bar?.stop();
  }
}
