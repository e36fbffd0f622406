export const explore = {
  hint: 'PromQL, such as sum(rate(http_requests_total[5m]))',
  copyRefused: 'The browser refused',
  filterBy: 'Filter by {what}',
  error: 'Error',
  warning: 'Warning',
  useIt: 'Use it',
  open: 'Open in Explore',
};
