// What every page stands in.

export { charts } from './charts';
export { common } from './common';
export { nav } from './nav';
export { session } from './session';
