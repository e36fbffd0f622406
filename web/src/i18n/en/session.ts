export const session = {
  title: 'Sign in to Lingshao',
  name: 'User name',
  password: 'Password',
  signIn: 'Sign in',
  signOut: 'Sign out',
  wrong: 'Wrong user name or password',
  throttled: 'Too many tries, please wait {seconds} s',
  viewer: 'viewer',
  editor: 'editor',
  admin: 'admin',
  operator: 'operator',
  needs: 'Your role ({role}) may not do this',
};
