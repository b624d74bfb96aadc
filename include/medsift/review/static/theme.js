// Airflow's choice of light or dark, where we stand in its page; alone, the browser's.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch (error) { /* no storage: the browser's choice holds */ }
