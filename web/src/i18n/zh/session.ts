export const session = {
  title: '登录灵哨',
  name: '用户名',
  password: '密码',
  signIn: '登录',
  signOut: '退出',
  wrong: '用户名或密码不对',
  throttled: '试得太多了，请 {seconds} 秒后再试',
  viewer: '只读',
  editor: '编辑',
  admin: '管理员',
  operator: '运营',
  needs: '你的角色（{role}）不能做这件事',
};
