export const explore = {
  hint: '输入 PromQL，例如 sum(rate(http_requests_total[5m]))',
  copyRefused: '浏览器不让复制',
  filterBy: '按 {what} 筛选',
  error: '错误',
  warning: '警告',
  useIt: '采用',
  open: '在探索中打开',
};
