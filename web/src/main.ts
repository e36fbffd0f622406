import { mount } from 'svelte';
import App from './App.svelte';
import { adoptPrometheusLink } from './lib/router.svelte';
import './styles/theme.css';
import './styles/base.css';

adoptPrometheusLink();
const target = document.getElementById('app');
if (target !== null) {
  mount(App, { target });
}
