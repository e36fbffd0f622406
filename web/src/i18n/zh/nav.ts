export const nav = {
  main: '主导航',
  board: '实时监控',
  dashboards: '看板',
  explore: '探索',
  logs: '日志',
  alerts: '告警',
  silences: '静默',
  rules: '规则',
  targets: '采集目标',
  firing: '条正在触发',
  inbox: '收件箱',
  open: '打开菜单',
};
