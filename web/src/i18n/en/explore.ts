export const explore = {
  copyRefused: 'The browser refused',
  filterBy: 'Filter by {what}',
  error: 'Error',
  warning: 'Warning',
  useIt: 'Use it',
  open: 'Open in Explore',
};
