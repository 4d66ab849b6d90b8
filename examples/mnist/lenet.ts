import { nn, type Tensor } from 'millrace';

/**
 * Two convolutions with pooling, two linear layers.
 * @see LeCun et al. 1998, "Gradient-based learning applied to document recognition"
 */
export class LeNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 16, 5, { padding: 2 });
  readonly conv2 = new nn.Conv2d(16, 32, 5);
  readonly pool = new nn.MaxPool2d(2);
  readonly fc1 = new nn.Linear(32 * 5 * 5, 128);
  readonly drop = new nn.Dropout(0.4);
  readonly fc2 = new nn.Linear(128, 10);

  /** Images [N, 1, 28, 28] to logits [N, 10]. */
  override forward(images: Tensor): Tensor {
    let x = this.pool(this.conv1(images).relu());
    x = this.pool(this.conv2(x).relu());
    return this.fc2(this.drop(this.fc1(x.flatten(1)).relu()));
  }
}
