import { mount } from 'svelte';
import App from './App.svelte';
import { loadAreas } from './i18n';
import { identify } from './lib/about.svelte';
import { adoptPrometheusLink, router } from './lib/router.svelte';
import { openPage, pageOf } from './routes';
import './styles/theme.css';
import './styles/base.css';
import './styles/parts.css';

adoptPrometheusLink();
const target = document.getElementById('app');
if (target !== null) {
  const page = pageOf(router.place.page);
  // The page's code is on its way while we ask who we are. What goes wrong is told where it is shown.
  identify().catch(() => undefined);
  if (page !== undefined) openPage(page).catch(() => undefined);
  void loadAreas([]).then(() => mount(App, { target }));
}
