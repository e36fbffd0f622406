export const nav = {
  main: 'Main navigation',
  board: 'Real-time',
  dashboards: 'Dashboards',
  explore: 'Explore',
  logs: 'Logs',
  alerts: 'Alerts',
  silences: 'Silences',
  rules: 'Rules',
  targets: 'Targets',
  firing: 'firing',
  inbox: 'Inbox',
  open: 'Open menu',
};
