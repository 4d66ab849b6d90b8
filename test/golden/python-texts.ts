/** PyTorch's texts as Millrace says them: where a text names Python's type of a value, JavaScript's stands. */
const typeNames: readonly (readonly [python: RegExp, javascript: string])[] = [
  [/<class 'int'>/g, 'number'],
  [/<class 'str'>/g, 'string'],
  [/<class 'list'>/g, 'Array'],
  [/<class 'torch\.nn\.modules\.container\.(\w+)'>/g, '$1'],
  [/(?<=(Got |'|but got |; is|Object of type: ))int(?=$|'|\n| is not)/g, 'number'],
  [/^int(?= is not)/g, 'number'],
  [/(?<=assign ')torch\.FloatTensor/g, 'Tensor'],
  [/(?<=of type )float(?= at)/g, 'number'],
  [/(?<=of type )str(?= at)/g, 'string'],
];

export const inJavaScript = (text: string): string =>
  typeNames.reduce((changed, [python, javascript]) => changed.replace(python, javascript), text);
