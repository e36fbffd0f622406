export const alerts = {
  critical: 'critical',
  warning: 'warning',
  info: 'info',
  none: 'no level',
  pending: 'about to fire',

  rule_firing: 'firing',
  rule_pending: 'about to fire',
  rule_inactive: 'fine',
  rule_unknown: 'not evaluated yet',
};
