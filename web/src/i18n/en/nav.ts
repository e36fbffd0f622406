export const nav = {
  main: 'Main navigation',
  board: 'Real-time',
  dashboards: 'Dashboards',
  explore: 'Explore',
  alerts: 'Alerts',
  silences: 'Silences',
  rules: 'Rules',
  targets: 'Targets',
  inbox: 'Inbox',
  open: 'Open menu',
};
