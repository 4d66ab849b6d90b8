/** Derivatives by themselves. @see torch.autograd */
export { backward, grad, type BackwardOptions, type GradOptions } from './backward.ts';
export { gradcheck, gradgradcheck, type GradcheckOptions } from './gradcheck.ts';
