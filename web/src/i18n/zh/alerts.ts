export const alerts = {
  critical: '严重',
  warning: '警告',
  info: '提示',
  none: '未分级',
  pending: '即将触发',

  rule_firing: '触发中',
  rule_pending: '即将触发',
  rule_inactive: '正常',
  rule_unknown: '还没计算',
};
