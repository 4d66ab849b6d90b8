/** Datasets and loaders. @see torch.utils.data */
export { Subset, TensorDataset, randomSplit, type Dataset } from './dataset.ts';
export { DataLoader, type DataLoaderOptions } from './loader.ts';
export { MNIST, type MNISTOptions } from './mnist.ts';
